# lib.sh: what the bed's scripts share: where the cache is, how to speak, and build_once.
# Sourced after "set -eu" with $bed set to this directory.
#
# Everything built lies in $cache/NAME/KEY, KEY being a hash of the recipe and of the files it names as
# inputs; $cache/NAME/current is a link to it. A build happens under $cache/NAME/lock in a temporary
# directory that is renamed when complete, so two callers do not collide and a killed build leaves only
# what the next one removes.

cache=${XDG_CACHE_HOME:-$HOME/.cache}/sampan
root=$(cd "$bed/../.." && pwd -P)

say() { echo "$*" >&2; }
die() { say "${0##*/}: $*"; exit 1; }

native() { [ "$(uname -m)" = riscv64 ]; }
have() { command -v "$1" >/dev/null 2>&1; }
tools() { "$bed/in-tools" "$@"; }
# The same, seen as uid 0 there whoever calls: for tools that copy owners into an image.
tools_as_root() { SAMPAN_AS_ROOT=1 "$bed/in-tools" "$@"; }

# A Debian mirror: $SAMPAN_MIRROR, or the one apt itself uses; empty where apt knows no Debian one
# (mmdebstrap then has its own default).
mirror() {
	if [ -n "${SAMPAN_MIRROR:-}" ]; then
		echo "$SAMPAN_MIRROR"
		return
	fi
	for label in 'Label: Debian' 'Created-By: Packages'; do
		uri=$(apt-get indextargets --format '$(REPO_URI) $(COMPONENT)' "$label" |
			sed -n '/security/d; s/ main$//p' | grep -m1 -i debian || true)
		[ -z "$uri" ] || { echo "$uri"; return; }
	done
}

# packages_of FILE: the names in a package list, comma-separated ("#" starts a comment).
packages_of() { sed 's/#.*//' "$1" | tr -s ' \t\n' ',,,' | sed 's/^,//; s/,$//'; }

key_of() { # NAME INPUTS...: the hash that names a build
	shift
	cat "$@" | sha256sum | cut -c1-16
}

# heartbeat LOG LINES: says every half minute (every second on a terminal) how long a build has run, and
# how far it is if LINES, the number of lines that its log will have, is known.
heartbeat() {
	began=$(date +%s)
	pause=30
	[ ! -t 2 ] || pause=1
	while sleep "$pause"; do
		passed=$(($(date +%s) - began))
		text=$(printf '  %d:%02d' $((passed / 60)) $((passed % 60)))
		if [ "$2" -gt 0 ]; then
			part=$(($(wc -l <"$1") * 100 / $2))
			text="$text, $((part > 99 ? 99 : part)) %"
		fi
		if [ -t 2 ]; then printf '\r%s ' "$text" >&2; else say "$text"; fi
	done
}

# make_current PLACE KEY
make_current() { ln -sfn "$2" "$1/current.$$" && mv -T "$1/current.$$" "$1/current"; }

# build_once NAME ABOUT LINES FUNCTION INPUTS...: makes $cache/NAME/current by calling FUNCTION DIRECTORY,
# unless the same inputs have been built before.
build_once() {
	name=$1 about=$2 lines=$3 function=$4
	shift 4
	key=$(key_of "$name" "$@")
	place=$cache/$name
	[ "$(readlink "$place/current" 2>/dev/null)" != "$key" ] || return 0
	mkdir -p "$place" "$cache/log"
	log=$cache/log/$name.log
	(
		flock -n 9 || { say "$name: waiting for another build of it"; flock 9; }
		[ "$(readlink "$place/current" 2>/dev/null)" != "$key" ] || exit 0
		[ ! -d "$place/$key" ] || { make_current "$place" "$key"; exit 0; } # complete: it was renamed
		say "$about..."
		rm -rf "$place"/tmp.*
		began=$(date +%s)
		: >"$log"
		heartbeat "$log" "$lines" 9>&- &
		beat=$!
		trap 'kill $beat 2>/dev/null; rm -rf "$place/tmp.$$"' EXIT
		trap 'exit 1' HUP INT TERM
		mkdir "$place/tmp.$$"
		set +e # in an "if" the function's own -e would be ignored
		(set -e; "$function" "$place/tmp.$$") >"$log" 2>&1 9>&- </dev/null
		status=$?
		set -e
		if [ "$status" != 0 ]; then
			say "$name: failed; the end of $log:"
			tail -n 25 "$log" >&2
			exit 1
		fi
		rm -rf "${place:?}/$key"
		mv "$place/tmp.$$" "$place/$key"
		make_current "$place" "$key"
		find "$place" -mindepth 1 -maxdepth 1 -type d ! -name "$key" -exec rm -rf {} +
		[ ! -t 2 ] || printf '\r' >&2
		say "$name: done in $(($(date +%s) - began)) s"
	) 9>"$place/lock"
}
