;;; critfs.el --- Edit the entries of a mounted checkpoint  -*- lexical-binding: t -*-

;; Version: 0.1.0
;; Package-Requires: ((emacs "26.1"))
;; Keywords: files, tools

;;; Commentary:

;; With (require 'critfs) in the init file, a save that critfs refuses goes to what is wrong in the
;; text, and says why.  The buffer *critfs* lists all that is refused, as it would a compiler's
;; errors: M-g n goes to the next.  Refused texts, N.json.rej, are JSON; M-x critfs-errors goes to
;; what is wrong in them.

;;; Code:

(require 'compile)
(require 'seq)

(defconst critfs-files
  (concat "\\(?:\\(?:\\.img\\|/stats-[^/]*\\|/irmap-cache\\)/[0-9][^/]*\\(?:/[0-9]+\\)?"
          "\\|/\\.critfs/json/[^/]*\\)\\.json\\'")
  "Names of entries and documents, which are looked for in a mount.")

(defun critfs--entry (file)
  "The entry that FILE is, or is the refused text of."
  (replace-regexp-in-string "\\(?:\\.critfs\\)?\\.rej\\'" "" file t t))

(defun critfs--refusal (entry)
  "Why ENTRY was refused: its line, column in bytes, and text, or nil.
There are no numbers where the reason is no place in the text."
  (let ((err (seq-find #'file-readable-p (list (concat entry ".critfs.err") (concat entry ".err")))))
    (with-temp-buffer
      (when err (insert-file-contents err))
      (goto-char (point-min))
      (when (looking-at ".*?:\\(?:\\([0-9]+\\):\\([0-9]+\\):\\)? error: \\(.*\\)")
        (list (string-to-number (or (match-string 1) "0"))
              (string-to-number (or (match-string 2) "0"))
              (match-string 3))))))

(defun critfs--go-to (line column)
  "Go to COLUMN, in bytes, of LINE, in all windows of this buffer."
  (widen)
  (goto-char (point-min))
  (forward-line (1- line))
  (let ((text (encode-coding-string (buffer-substring (point) (line-end-position)) 'utf-8)))
    (forward-char (length (decode-coding-string (substring text 0 (min (1- column) (length text)))
                                                'utf-8))))
  (dolist (window (get-buffer-window-list nil nil t))
    (set-window-point window (point))))

(defun critfs--list (reason)
  "List that this text was refused at point for REASON; nil: that it was not."
  (let* ((file buffer-file-name)
         (column (1+ (- (point) (line-beginning-position))))
         (place (format "%s:%d:%d" file (line-number-at-pos) column)))
    (when (or reason (get-buffer "*critfs*"))
      (with-current-buffer (get-buffer-create "*critfs*")
        (let ((inhibit-read-only t))
          (flush-lines (concat "^" (regexp-quote file) ":") (point-min) (point-max))
          (goto-char (point-max))
          (when (bobp) ; before the first error there has to be something
            (insert "What critfs has refused:\n"))
          (when reason
            (insert place ": error: " reason "\n")
            (setq next-error-last-buffer (current-buffer))))
        (compilation-mode "critfs")
        (setq-local compilation-error-screen-columns nil)))))

(defun critfs--refused ()
  "Go to what is wrong in this text; return why it was refused, or nil."
  (pcase-let ((`(,line ,column ,reason) (critfs--refusal (critfs--entry buffer-file-name))))
    (when (and line (> line 0))
      (critfs--go-to line column))
    (critfs--list reason)
    reason))

(defun critfs-errors ()
  "Go to what is wrong in this text, and say why it was refused."
  (interactive)
  (message "critfs: %s" (or (critfs--refused) "nothing is refused here")))

(defun critfs--save (save &rest args)
  "Around `basic-save-buffer', SAVE with its ARGS: no hook is run when that fails."
  (if (not (bound-and-true-p critfs-mode))
      (apply save args)
    (condition-case failure
        (prog1 (apply save args)
          (critfs--list nil))
      (file-error
       (let ((reason (critfs--refused)))
         (signal (car failure)
                 (if reason
                     (append (seq-take (cdr failure) 2) (list reason)) ; not the file's name
                   (cdr failure))))))))

(advice-add 'basic-save-buffer :around #'critfs--save)

;;;###autoload
(define-minor-mode critfs-mode
  "Go to what is wrong when critfs refuses a save."
  :lighter " critfs")

;;;###autoload
(defun critfs-maybe ()
  "Turn on `critfs-mode' in entries of a mount, and in refused texts.
The major mode of these is the one of the entry."
  (let ((entry (and buffer-file-name (critfs--entry buffer-file-name))))
    (when (and entry (string-match-p critfs-files entry)
               (locate-dominating-file entry ".critfs/version"))
      (unless (equal entry buffer-file-name)
        (let ((buffer-file-name entry))
          (set-auto-mode)))
      (critfs-mode))))

;;;###autoload
(add-hook 'find-file-hook #'critfs-maybe)

(provide 'critfs)
;;; critfs.el ends here
