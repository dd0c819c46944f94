" What critfs has refused, as a quickfix list. Buffers are never loaded anew: they have the text that
" was refused.

let s:refused = {}  " by the full name of an entry whose text was refused: its item of the list
let s:list = 0      " the list's id; 0 before there was one

" The uppermost directory of the mount that a file is in, '' if it is in none.
function! critfs#root(file) abort
  let root = ''
  let dir = fnamemodify(a:file, ':p:h')
  while 1
    if filereadable(dir . '/.critfs/version')
      let root = dir
    endif
    let above = fnamemodify(dir, ':h')
    if above ==# dir
      return root
    endif
    let dir = above
  endwhile
endfunction

" The current buffer was to be saved as `file`. That it is still modified tells that this has failed:
" a save that changes nothing lets what was refused before lie there.
function! critfs#written(name, file) abort
  let file = fnamemodify(a:file, ':p')
  if file !=# fnamemodify(a:name, ':p')
    return  " `:w elsewhere`
  endif
  if !&modified || !s:refuse(file, file)
    call s:forget({entry -> entry ==# file})
    return
  endif
  call s:update_list()
  if win_gettype() !=# 'autocmd'
    call s:go_to(file)
  else  " saved by `:wall`, and in no window
    let item = s:refused[file]
    echohl ErrorMsg
    echomsg printf('%s:%d:%d: %s', fnamemodify(file, ':.'), item.lnum, item.col, item.text)
    echohl None
  endif
endfunction

" Nobody sees this buffer any more, or it is loaded anew.
function! critfs#unloaded(buffer) abort
  call s:forget({entry -> s:refused[entry].bufnr == a:buffer})
endfunction

" List why this entry was refused, and go there: in this buffer, if it has the text that was refused,
" else in the file that keeps it.
function! critfs#errors() abort
  let this = expand('%:p')
  let entry = substitute(this, '\%(\.critfs\)\?\.rej$', '', '')
  let kept = filter([entry . '.critfs.rej', entry . '.rej'], 'filereadable(v:val)')
  let text = &modified || empty(kept) ? this : kept[0]
  if s:refuse(entry, text)
    call s:update_list()
    call s:go_to(text)
  else
    call s:forget({refused -> refused ==# entry})
    echo 'critfs: nothing is refused here'
  endif
endfunction

" Note why an entry was refused, for the file that has the refused text; 0 if it was not. Not all
" reasons are about a place in the text.
function! s:refuse(entry, text) abort
  for name in [a:entry . '.critfs.err', a:entry . '.err']
    let found = filereadable(name) ? matchlist(get(readfile(name, '', 1), 0, ''),
          \ '^.\{-}:\%(\(\d\+\):\(\d\+\):\)\? error: \(.*\)') : []
    if !empty(found)
      let s:refused[a:entry] = {'bufnr': bufadd(a:text), 'lnum': str2nr(found[1]),
            \ 'col': str2nr(found[2]), 'text': found[3], 'type': 'E', 'valid': 1}
      return 1
    endif
  endfor
  return 0
endfunction

function! s:forget(which) abort
  let gone = filter(keys(s:refused), {_, entry -> a:which(entry)})
  if !empty(gone)
    call filter(s:refused, {entry, _ -> index(gone, entry) < 0})
    call s:update_list()
  endif
endfunction

" Lists that the user has made meanwhile stay as they are.
function! s:update_list() abort
  let items = values(s:refused)
  if empty(items) || (s:list && getqflist({'id': 0}).id == s:list)
    call setqflist([], 'r', {'id': s:list, 'items': items})
  else
    call setqflist([], ' ', {'title': 'critfs: refused', 'items': items})
    let s:list = getqflist({'id': 0}).id
  endif
endfunction

function! s:go_to(file) abort
  execute 'cc' index(map(getqflist(), 'v:val.bufnr'), bufadd(a:file)) + 1
endfunction
