# bash completion of critic(1)

_critic()
{
	local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD - 1]}
	local options

	COMPREPLY=()
	if ((COMP_CWORD == 1)); then
		COMPREPLY=($(compgen -W 'decode encode show info x core check pack
			--help --version' -- "$cur"))
		return
	fi
	case ${COMP_WORDS[1]} in
	decode) options='-i -o --in --out --pretty' ;;
	encode) options='-i -o --in --out' ;;
	show) options='--nopl --text' ;;
	core) options='-o -p --out' ;;
	pack) options='-o --out' ;;
	info | x | check) options= ;;
	*) return ;;
	esac
	if [[ $cur == -* ]]; then
		COMPREPLY=($(compgen -W "$options --help" -- "$cur"))
	elif [[ ${COMP_WORDS[1]} == x && $COMP_CWORD -eq 3 ]]; then
		COMPREPLY=($(compgen -W 'ps fds mems rss sk' -- "$cur"))
	elif [[ $prev != -p ]]; then
		compopt -o default
	fi
}

complete -F _critic critic
