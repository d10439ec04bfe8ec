# SPDX-License-Identifier: BSD-2-Clause
# shellcheck shell=bash
#
# What host-tools, fetch-guests and fetch-cbmc share: talking to a Debian archive through an apt
# configuration of our own, so that nothing of the user's is changed. The archive's address
# comes from the user's sources (or MIRROR=); what is taken from it must carry Debian's
# signature, which is also what tells Debian's archive from a third party's.

keyring=/usr/share/keyrings/debian-archive-keyring.gpg

say() {
	printf 'hartwood: %s\n' "$*" >&2
}

die() {
	say "error: $1"
	shift
	for line in "$@"; do
		printf '          %s\n' "$line" >&2
	done
	exit 1
}

# retry WHAT COMMAND...: up to four tries; mirrors have bad moments that last seconds.
retry() {
	local what=$1 try
	shift
	for try in 1 2 3 4; do
		"$@" && return 0
		[ "$try" = 4 ] && break
		say "$what failed, trying again in $((try * 3)) s ($try of 4)"
		sleep $((try * 3))
	done
	return 1
}

# Lists "URI suite" of every main component in the user's sources, the plain suites before
# -updates, -security and -backports. apt itself reads the files, so each of its formats works.
user_archives() {
	apt-get indextargets --no-release-info --format '$(REPO_URI) $(RELEASE) $(COMPONENT)' \
		'Created-By: Packages' 2>/dev/null |
		awk '$3 == "main" && $1 !~ /^(cdrom|copy):/ && !seen[$1 " " $2]++ {
			print ($2 ~ /-|\// ? 1 : 0), $1, $2
		}' | sort -s -k1,1n | cut -d' ' -f2-
}

# The addresses to look for Debian's main archive at, best guess first.
main_archives() {
	if [ -n "${MIRROR:-}" ]; then
		echo "$MIRROR"
	else
		user_archives | awk '!seen[$1]++ { print $1 }'
	fi
}

no_archive() {
	die "no usable Debian archive${MIRROR:+ at $MIRROR}: $1" \
		"Hartwood takes its address from your apt sources (/etc/apt/sources.list and" \
		"/etc/apt/sources.list.d), where CD-ROM entries do not count." \
		"Give one with MIRROR=, for example: make ${GOAL:-run} MIRROR=http://<host>/debian"
}

# write_source FILE URI SUITE [ARCHITECTURE]: only the Packages index is wanted, whatever else
# (translations, AppStream, file lists) the user's apt is set up to fetch.
write_source() {
	cat >"$1" <<-EOF
		Types: deb
		URIs: $2
		Suites: $3
		Components: main
		Targets: Packages
		${4:+Architectures: $4}
		Signed-By: $keyring
	EOF
	sed -i '/^$/d' "$1"
}

# ---- Packages that are only unpacked ----------------------------------------------------------
#
# apt runs on a state, lists and cache of its own; neither root nor a foreign architecture in the
# system's dpkg is needed.

# own_archive CACHE_DIR NAME SUITE ARCHITECTURE WHAT: for the functions below. CACHE_DIR/NAME-apt is
# apt's own; WHAT, as in "the guests come", begins the complaint if there is no apt.
own_archive() {
	cache=$(realpath -m "$1")
	own=$2
	suite=$3
	architecture=$4
	state=$cache/$own-apt
	debs=$cache/debs
	mkdir -p "$state/lists/partial" "$state/archives/partial" "$debs"
	: >"$state/status"
	command -v apt-get >/dev/null || die "$5 from Debian packages, and there is no apt-get here" \
		"Run this on Debian 12 or 13, or copy build/cache from such a machine."
	[ -e "$keyring" ] || die "$keyring is missing (package debian-archive-keyring)"
}

apt_own() {
	local command=$1
	shift
	"$command" -o Dir::Etc::SourceList="$state/$own.sources" -o Dir::Etc::SourceParts=/dev/null \
		-o Dir::Etc::Preferences=/dev/null -o Dir::Etc::PreferencesParts=/dev/null \
		-o Dir::State="$state" -o Dir::State::Lists="$state/lists" \
		-o Dir::State::status="$state/status" -o Dir::Cache="$state" \
		-o Dir::Cache::Archives="$state/archives" \
		-o APT::Architecture="$architecture" -o APT::Architectures="$architecture" \
		-o APT::Sandbox::User= -o Acquire::Retries=3 "$@"
}

# Fills the package lists from the first archive that carries Debian's signature and has a package.
update_own_lists() {
	local uri
	for uri in $archives; do
		write_source "$state/$own.sources" "$uri" "$suite" "$architecture"
		say "reading the package list of Debian $suite for $architecture"
		if apt_own apt-get -qq update --error-on=any >"$state/update.log" 2>&1 &&
			[ -n "$(apt_own apt-cache pkgnames "$1")" ]; then
			return 0
		fi
	done
	sed 's/^/    /' "$state/update.log" >&2
	return 1
}

# read_own_lists PACKAGE
read_own_lists() {
	archives=$(main_archives)
	[ -n "$archives" ] || no_archive "none is listed"
	retry "reading the package list" update_own_lists "$1" ||
		no_archive "none of them answered with Debian's signature"
}

apt_download() {
	(cd "$debs" && apt_own apt-get -q download "$@" >&2)
}

# download_own HOW_MUCH PACKAGE...
download_own() {
	say "downloading ${*:2} ($1)"
	retry "the download" apt_download "${@:2}" || die "the $own packages could not be downloaded"
}

# list_own LIST PACKAGE...: one line a package, name and file, for the Makefile.
list_own() {
	local list=$1 package file
	shift
	rm -f "$list.new"
	for package in "$@"; do
		file=$(ls -t "$debs/${package}"_*.deb | grep -E "_($architecture|all)\.deb$" | head -n 1)
		dpkg-deb --info "$file" >/dev/null
		echo "$package ${file##*/}" >>"$list.new"
	done
	mv "$list.new" "$list"
}
