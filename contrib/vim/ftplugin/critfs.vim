" Entries are JSON, with a look at each save, and a command that tells why one was refused.
if exists('b:did_ftplugin')
  finish
endif
runtime! ftplugin/json.vim
let b:did_ftplugin = 1

compiler critfs
command! -buffer -bar CritfsErrors call critfs#errors()

augroup critfs
  autocmd! * <buffer>
  " It comes after saves that have failed, too.
  autocmd BufWritePost <buffer> call critfs#written(bufname(), expand('<afile>'))
  autocmd BufUnload <buffer> call critfs#unloaded(+expand('<abuf>'))
augroup END

let b:undo_ftplugin = (exists('b:undo_ftplugin') ? b:undo_ftplugin . ' | ' : '')
      \ . 'setlocal makeprg< errorformat< | unlet! b:current_compiler'
      \ . ' | delcommand CritfsErrors | execute "autocmd! critfs * <buffer>"'
