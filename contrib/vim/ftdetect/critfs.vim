" Entries and documents of a checkpoint that critfs has mounted, and refused texts beside them. The
" patterns know them by where they are: for no other file is anything looked up.
function! s:detect(file) abort
  if critfs#root(a:file) !=# ''
    set filetype=critfs
  endif
endfunction

autocmd BufNewFile,BufRead
      \ *.img/[0-9]*.json{,.rej,.critfs.rej},
      \*/{stats-*,irmap-cache}/[0-9]*.json{,.rej,.critfs.rej},
      \*/.critfs/json/*.json{,.rej,.critfs.rej}
      \ call s:detect(expand('<afile>:p'))
