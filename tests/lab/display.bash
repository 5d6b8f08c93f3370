# SPDX-License-Identifier: BSD-2-Clause
# shellcheck disable=SC2034,SC2154 # variables of helpers.bash and bats
#
# For tests of cards that show a picture: the lab has --monitor, and a card of QEMU has id=card, or a
# name that is given here.

# screenshot FILE [ID]: what the card shows, as a PPM. QEMU writes it, on the machine that runs the lab:
# it must be below $LAB_OUTPUT.
screenshot() {
	local dimensions
	rm -f "$1"
	echo "screendump $1 ${2-card}" >/dev/lab-monitor
	for _ in {1..600}; do
		if [ -s "$1" ]; then
			# P6, width and height, 255: a line each. Then three bytes for each pixel.
			dimensions=$(head -n 2 "$1" | tail -n 1)
			[ $(($(stat -c %s "$1") - 3 * ${dimensions/ /*})) != $((8 + ${#dimensions})) ] ||
				return 0
		fi
		sleep 0.1
	done
	echo "QEMU makes no screenshot $1"
	return 1
}

# draw_start MODE [OPTION]...: let the bare-metal guest draw in MODE ("13h" or "text", and what else
# guest/payload/vga_x86_64.c takes), with the first device, given with these options. It keeps the picture until draw_end.
# $accesses is how often it used memory and ports of VGA.
draw_start() {
	local mode=$1
	shift
	mkfifo "$BATS_TEST_TMPDIR/to"
	: >"$BATS_TEST_TMPDIR/console"
	"$posthorn" run --kernel "$root/build/$arch/guest/payload/vga_$arch.elf" --cmdline "$mode" \
		--memory 64M "$@" <"$BATS_TEST_TMPDIR/to" >"$BATS_TEST_TMPDIR/console" \
		2>"$BATS_TEST_TMPDIR/errors" 3>&- &
	pid=$!
	exec {to_guest}>"$BATS_TEST_TMPDIR/to"
	for _ in {1..1200}; do
		accesses=$(sed -n 's/^vga: drawn by \([0-9]*\) accesses.*/\1/p' "$BATS_TEST_TMPDIR/console")
		[ -z "$accesses" ] || return 0
		[ -e "/proc/$pid" ] || break
		sleep 0.1
	done
	echo "the guest does not draw:"
	cat "$BATS_TEST_TMPDIR/console" "$BATS_TEST_TMPDIR/errors"
	return 1
}

draw_end() {
	echo >&"$to_guest"
	exec {to_guest}>&-
	status=0
	wait "$pid" || status=$?
	pid=''
	expect_status 0
	grep -q '^payload: pass' "$BATS_TEST_TMPDIR/console"
}

# host_accesses_count: count from now on how often VFIO is asked for the VGA ranges. Call it while no
# guest runs: see trace_count of helpers.bash.
host_accesses_count() {
	local tracing=/sys/kernel/tracing
	[ ! -e $tracing/events/kprobes/lab_vga ] || echo 0 >$tracing/events/kprobes/lab_vga/enable
	echo 'p:lab_vga vfio_pci_vga_rw' >$tracing/kprobe_events
	echo 1 >$tracing/events/kprobes/lab_vga/enable
}

host_accesses() {
	awk '$1 == "lab_vga" { print $2 + $3 }' /sys/kernel/tracing/kprobe_profile
}

# pixels_compare MODE NAME [ID]: is what the card shows what the guest draws? The screenshot stays, as
# NAME below build/. $output says how many pixels are right; the exit code is that of picture, and 2
# where there is no screenshot.
pixels_compare() {
	screenshot "$LAB_OUTPUT/display-$2.ppm" "${3-card}" || return 2
	output=$("$root/build/$arch/tests/lab/picture" "$1" "$LAB_OUTPUT/display-$2.ppm")
}

# ---- tests that each card has ----

# draws MODE NAME: the picture is the expected one, and all accesses of the guest arrived.
draws() {
	host_accesses_count
	draw_start "$1 gated" --device "${devices[0]},vga=on"
	pixels_compare "$1" "$2"
	[ "$(host_accesses)" = "$accesses" ]
	draw_end
	echo "# $2: $output; $accesses accesses on both sides" >&3
}

# draws_nothing MODE NAME: without vga=on most of the picture is another, and no access arrives. To be
# called before a guest has drawn: QEMU's cards keep their picture. (What the firmware left there has
# a cursor that blinks.)
draws_nothing() {
	local code=0
	host_accesses_count
	draw_start "$1 blind" --device "${devices[0]}"
	pixels_compare "$1" "$2" || code=$?
	[ $code = 1 ]
	awk '{ exit !($1 < $3 / 2) }' <<<"$output"
	[ "$(host_accesses)" = 0 ]
	draw_end
	echo "# $2: $output; the guest made $accesses accesses, and none arrived" >&3
}

# ---- a guest's Linux with a driver of the card, in a font of ours: every pixel of its console is known ----

# For setup_file: the font is in the guest's initramfs, as /font. $picture_line is the line of text that
# the screen is to show.
font_add() {
	mkdir "$BATS_FILE_TMPDIR/files"
	cd "$BATS_FILE_TMPDIR/files"
	"$root/build/$arch/tests/lab/picture" font >font
	echo font | cpio -o -H newc --quiet >>"$initrd"
	picture_line=$(sed -n 's/^#define TEXT_LINE\t* *"\(.*\)"$/\1/p' "$root/guest/payload/vga_picture.h")
	[ -n "$picture_line" ]
	export picture_line
}

# console_show TEXT: TEXT is all that the guest's console shows. What is printed first has the driver take
# the console: before there is nothing that has a font.
console_show() {
	guest "echo >/dev/tty1; loadfont </font; printf '\\033[?25l\\033[2J\\033[H%s' '$1' >/dev/tty1"
}

# console_compare NAME ID: is the line all that the card shows? It is soon: drivers bring changes to the
# screen some times in a second.
console_compare() {
	for _ in {1..20}; do
		! pixels_compare console "$1" "$2" || break
		sleep 0.5
	done
	echo "# $1: $output" >&3
	pixels_compare console "$1" "$2"
}
