# SPDX-License-Identifier: BSD-2-Clause
# shellcheck shell=bash
#
# What host-tools and fetch-guests share: talking to a Debian archive through an apt
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
