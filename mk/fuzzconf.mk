# SPDX-License-Identifier: BSD-2-Clause
#
# Discovery is platform/'s, of which the host's library has nothing: the target compiles it itself
# (tests/unit/discover_sources.h), and coverage must lead in there.

$(fuzz)/obj/tests/fuzz/fuzz_discover.o: fuzz_cover_of = $(fuzz_cover)
