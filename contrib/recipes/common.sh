# What the recipes share. Each of them ends with 0 if it did or found something, with 1 if
# there was nothing to do or to find, and with 2 if it was called wrongly or if anything failed.

umask 077 # what a dump holds is for nobody else
scratch=.critfs/json/recipe.$$ # in the mount, so nothing of it reaches the disk
tmp= # or a directory of the recipe's own
trap leave EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

# What fails under `set -e` may end with 1 itself; that is for none().
leave() {
	status=$?
	rm -f "$scratch".*
	[ -z "$tmp" ] || rm -r "$tmp"
	exit $((status == 0 || status > 128 ? status : ${verdict-2}))
}

# none [TEXT]: the end of a recipe that found nothing to do or to tell.
none() {
	[ $# = 0 ] || printf '%s: %s\n' "${0##*/}" "$*" >&2
	verdict=1
	exit 1
}

# The comment at the top of the recipe.
usage() {
	sed -n '2,/^$/s/^# \{0,1\}//p' "$0"
	exit "${1-2}"
}

case ${1-} in -h | --help) usage 0 ;; esac

fail() {
	printf '%s: %s\n' "${0##*/}" "$*" >&2
	exit 2
}

# enter DUMP: go there; it is the mount point, or the directory of one dump below it.
enter() {
	case $1 in /*) ;; *) set -- "./$1" ;; esac
	[ -d "$1/.critfs/json" ] || fail "$1: no dump that critfs has mounted"
	cd "$1" || exit 2
}

# process PID: there is one in the dump.
process() {
	case $1 in '' | *[!0-9]*) fail "$1: no number of a process" ;; esac
	[ -d ".critfs/proc/$1" ] || fail "there is no process $1 in the dump"
}

# processes: there are any; a pre-dump has none.
processes() {
	set -- .critfs/proc/[0-9]*
	[ -d "$1" ] || fail "the dump has no processes"
}

# Names in a dump may hold what a terminal obeys.
harmless() {
	tr '\1-\10\13-\37\177' '?'
}

# change IMAGE [OPTION...] FILTER: send the document of an image through jq, and tell the
# entries that differ. The image is replaced as a whole or, if critfs refuses one entry, not
# at all. jq before 1.7 rounds numbers beyond 2^53; as texts they stay what they are.
change() {
	doc=.critfs/json/$1.json image=$1
	shift
	sed -E 's/^( *("[^"]*": )?)(-?[0-9]{16,})(,?)$/\1"\3"\4/' "$doc" > "$scratch.old" &&
		jq --indent 4 "$@" "$scratch.old" > "$scratch.new" || fail "$image is left as it was"
	differ=$(jq -nr --arg image "$image" --slurpfile old "$scratch.old" \
		--slurpfile new "$scratch.new" '[$old[0].entries, $new[0].entries] | transpose |
		to_entries[] | select(.value[0] != .value[1]) | "\($image)/\(.key).json"') ||
		fail "$image is left as it was"
	[ -n "$differ" ] || return 0
	if ! mv "$scratch.new" "$doc"; then
		cat "$doc.err" >&2 && rm -f "$doc.rej" "$doc.err"
		fail "$image is left as it was"
	fi
	printf '%s\n' "$differ"
	changed=1
}
changed=

# done_if_changed: the end of a recipe that changes images.
done_if_changed() {
	[ -n "$changed" ] || none "nothing matches, nothing is changed"
}
