#!/usr/bin/env bats
# SPDX-License-Identifier: BSD-2-Clause
# shellcheck disable=SC2154 # variables of helpers.bash and bats
# lab: --device bochs-display,id=card,addr=0x18.0,multifunction=on --device intel-hda,id=sound,addr=0x18.1
# lab: --device qemu-xhci,id=usb --qemu "-device usb-kbd,bus=usb.0" --monitor
# lab: --qemu "-audiodev wav,id=file,path=$here/../build/sound-$arch.wav -device hda-output,bus=sound.0,audiodev=file"
# What a guest has that somebody sits in front of: graphics and sound, two functions of one slot, and a
# USB controller with a keyboard.

load helpers
load display

card=0000:00:18.0
sound=0000:00:18.1

setup_file() {
	lab_setup_file
	font_add
	"$posthorn" bind $card
	"$posthorn" bind $sound
}

setup() {
	lab_setup
	usb=${devices[0]}
	recorded=$LAB_OUTPUT/sound-$arch.wav
}

# keyboard_type TEXT: letters and blanks, on the keyboard of the lab's machine, for the guest's console.
keyboard_type() {
	local at key
	# The console echoes what is typed while somebody has it open.
	guest 'cat </dev/tty1 >/dev/null &'
	for ((at = 0; at < ${#1}; at++)); do
		key=${1:at:1}
		[ "$key" != ' ' ] || key=spc
		echo "sendkey $key 20" >/dev/lab-monitor
		sleep 0.3
	done
}

# sound_changes: how often what was played crossed zero. The file has 16 bits for each of left and
# right, after a header of 44 bytes.
sound_changes() {
	od -An -v -t d2 -w4 -j 44 "$recorded" | awk '
		$1 > 1000 { sign = 1 }
		$1 < -1000 { sign = -1 }
		sign != before { count++; before = sign }
		END { print count + 0 }'
}

# tone_play: for a second 100 Hz, as the sound driver takes it from the start, 8,000 bytes a second.
tone_play() {
	guest 'half=$(printf %040d 0)'
	guest 'period=$(echo $half | sed "s/0/\\\\377/g; p; s/377/000/g" | tr -d "\n")'
	guest 'for i in $(seq 100); do printf $period; done >/tmp/tone; cat /tmp/tone >/dev/dsp; sleep 1'
}

desktop_start() {
	guest_start --device $card --device $sound --device "$usb"
	guest 'modprobe -a usbhid hid-generic snd-pcm-oss'
	guest 'until [ -e /dev/dsp ] && grep "USB Keyboard" /proc/bus/input/devices; do sleep 0.1; done'
}

@test "with the card alone neither keys nor sound arrive" {
	local code=0
	guest_start --device $card
	console_show ''
	keyboard_type "$picture_line"
	pixels_compare console "desktop-$arch" card || code=$?
	echo "# $output" >&3
	[ $code = 1 ]
	guest '! [ -e /dev/snd/pcmC0D0p ]'
	[ "$(sound_changes)" = 0 ]
	guest_end
	expect_status 0
}

@test "what is typed shows on the screen, and a tone that is played is heard" {
	desktop_start
	# The functions of one slot are in one slot.
	guest 'cat /sys/bus/pci/devices/0000:00:01.0/class /sys/bus/pci/devices/0000:00:01.1/class'
	[ "$output" = $'0x038000\n0x040300' ]
	console_show ''
	keyboard_type "$picture_line"
	console_compare "desktop-$arch" card
	guest 'cat /proc/asound/card0/codec*'
	expect_text 'Codec: QEMU Generic' "$output"
	tone_play
	echo "# $(sound_changes) of 200 changes of sign" >&3
	[ "$(sound_changes)" -ge 180 ]
	guest_end
	expect_status 0
}

# Nothing resets a sound controller of this kind but its driver.
@test "the next guest finds the codec again" {
	desktop_start
	guest 'cat /proc/asound/card0/codec*'
	expect_text 'Codec: QEMU Generic' "$output"
	guest_end
	expect_status 0
}
