" :make asks critfs what is wrong with the dump; `critic check` tells it in the same form.
if exists('current_compiler')
  finish
endif
let current_compiler = 'critfs'

" What is told begins where the mount does, not where vim is.
let s:root = critfs#root(expand('%:p'))
let s:told = 'sed ' . shellescape('s,^,' . escape(s:root, '\,&') . '/,', 1) . ' '
      \ . shellescape(s:root . '/.critfs/check', 1)
execute 'CompilerSet makeprg=' . escape(s:told, ' \|"')
CompilerSet errorformat=%f:%l:%c:\ %trror:\ %m,
      \%f:\ %trror:\ %m,
      \%f:\ %tarning:\ %m
