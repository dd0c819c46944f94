# bash completion of critfs(1)

# What -o takes: several of these with commas between, of which bash breaks words at "=".
_critfs_mount_options()
{
	local words='ro upper= plain critdir=hidden critdir=visible upgrade unpack= scratch= nosandbox
		allow_other debug'
	local word=$1 cur=$2
	local item=${word##*,}
	local before=${word%"$item"} broken=${word%"$cur"}

	if [[ $item == upper=* ]]; then
		compopt -o dirnames
		return
	fi
	COMPREPLY=($(compgen -W "$words" -P "$before" -- "$item"))
	COMPREPLY=("${COMPREPLY[@]#"$broken"}")
	compopt -o nospace
}

_critfs()
{
	local cur=${COMP_WORDS[COMP_CWORD]} word i=$COMP_CWORD operands=0

	COMPREPLY=()
	[[ $cur == '=' ]] && cur=
	# the word that the user sees, from its beginning
	word=${COMP_WORDS[i]}
	while ((i > 1)) && [[ ${COMP_WORDS[i]} == '=' || ${COMP_WORDS[i - 1]} == '=' ]]; do
		word=${COMP_WORDS[--i]}$word
	done

	if [[ ${COMP_WORDS[i - 1]} == -o ]]; then
		_critfs_mount_options "$word" "$cur"
		return
	fi
	if [[ $word == -* ]]; then
		COMPREPLY=($(compgen -W '-d -f -h -o -s -V --help --version' -- "$word"))
		return
	fi
	while ((--i > 0)); do
		case ${COMP_WORDS[i - 1]}:${COMP_WORDS[i]} in
		*:-* | -o:* | *= | =:*) ;;
		*) ((operands++)) ;;
		esac
	done
	# a dump may be an archive, the mount point is a directory
	compopt -o "$( ((operands)) && echo dirnames || echo default)"
}

complete -F _critfs critfs
