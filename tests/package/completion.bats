# SPDX-License-Identifier: BSD-2-Clause
# Completion in bash and zsh: what is offered is what the program takes. The functions that it finds
# are made up, in a folder that stands for /sys/bus/pci/devices.

bats_require_minimum_version 1.5.0

setup() {
	local arch
	arch=$(uname -m)
	tree=$(realpath "$BATS_TEST_DIRNAME/../..")
	posthorn=$(realpath "${POSTHORN_BUILD:-$tree/build/${arch/aarch64/arm64}}")/posthorn
	cd "$BATS_TEST_TMPDIR"
	export _posthorn_devices=$PWD/devices _posthorn_mediated=$PWD/mediated
	export _posthorn_boot=$PWD/boot _posthorn_modules=$PWD/modules
	function_put 0000:00:00.0 0x060000
	function_put 0000:00:1f.0 0x060400
	function_put 0000:01:00.0 0x020000 vfio
	function_put 0000:01:00.1 0x020000
	function_put 0001:02:00.0 0x010802 vfio
	mkdir boot modules modules/6.12
	touch boot/vmlinuz-6.12 boot/initrd.img-6.12 modules/6.12/vmlinuz
}

# function_put BDF CLASS [vfio]: a function, which VFIO has or not.
function_put() {
	mkdir -p "devices/$1"
	echo "$2" >"devices/$1/class"
	[ -z "${3-}" ] || mkdir "devices/$1/vfio-dev"
}

# offered SHELL LINE: what SHELL completes LINE with, sorted.
offered() {
	if [ "$1" = zsh ]; then
		"$tree/tests/package/zsh_candidates" "$tree/completion" "posthorn $2" || return 0
	else
		# The variables are those that the file sets, put back; and the options of bats are not
		# those of a shell with somebody in front of it.
		env -u BASH_ENV bash --norc -c '
			set -- "$1" "$2" "$_posthorn_devices" "$_posthorn_boot" "$_posthorn_modules" \
				"$_posthorn_mediated"
			source "$1/completion/posthorn.bash"
			_posthorn_devices=$3 _posthorn_boot=$4 _posthorn_modules=$5 _posthorn_mediated=$6
			COMP_LINE="posthorn $2" COMP_POINT=$((${#2} + 9))
			_posthorn
			[ ${#COMPREPLY[@]} = 0 ] || printf "%s\n" "${COMPREPLY[@]}"
		' sh "$tree" "$2"
	fi | LC_ALL=C sort
}

# expect_offered SHELL LINE WORD...: these, and no other.
expect_offered() {
	local shell=$1 line=$2 got expected
	shift 2
	got=$(offered "$shell" "$line" | xargs)
	expected=$(printf '%s\n' "$@" | LC_ALL=C sort | xargs)
	[ "$got" = "$expected" ] && return
	echo "$shell, posthorn $line: offered are '$got' instead of '$expected'"
	return 1
}

needs_zsh() {
	command -v zsh >/dev/null || skip "there is no zsh"
}

# ---- what the program takes, by its help ----

commands() {
	"$posthorn" help | sed -n 's/^  \([a-z]*\) .*/\1/p' | sort -u
}

# Those that have options, in two words where they have two.
commands_with_options() {
	commands | grep -v -e help -e version
	echo "latency compare"
	echo "latency read"
}

# options COMMAND: a line for each, the option and the form of its value.
options() {
	# shellcheck disable=SC2086 # one word or two
	"$posthorn" help $1 | sed -n 's/^  \(--\{0,1\}[a-z-]*\) \([^ ]*\) .*/\1 \2/p'
}

commands_agree() {
	local all
	mapfile -t all < <(commands)
	[ "${#all[@]}" -gt 5 ]
	expect_offered "$1" "" "${all[@]}" ${2-}
	expect_offered "$1" "help " "${all[@]}"
	expect_offered "$1" "help latency " compare noise read report
}

options_agree() {
	local command all
	while read -r command; do
		mapfile -t all < <(options "$command" | cut -d ' ' -f 1)
		[ "${#all[@]}" -gt 0 ]
		expect_offered "$1" "$command --" "${all[@]/#-v/}"
	done < <(commands_with_options)
}

values_agree() {
	local command option value checked=0 words
	while read -r command; do
		while read -r option value; do
			[[ $value =~ ^[a-z]+([|][a-z]+)+$ ]] || continue
			IFS='|' read -ra words <<<"$value"
			expect_offered "$1" "$command $option " "${words[@]}"
			expect_offered "$1" "$command $option=" "${words[@]}"
			checked=$((checked + 1))
		done < <(options "$command")
	done < <(commands_with_options)
	# --seccomp, --state, and --format of two commands
	[ "$checked" -ge 4 ]
}

# ---- bash ----

@test "bash: the commands are those of the program" {
	commands_agree bash "--help --version"
}

@test "bash: the options are those that each command takes" {
	options_agree bash
}

@test "bash: values that have names are those that the program takes" {
	values_agree bash
	expect_offered bash "run --memory 2G,h" 2G,hugepages={on,off,1G}
	expect_offered bash "latency --path " irqfd userspace intx
	expect_offered bash "latency --path irqfd," irqfd,userspace irqfd,intx
	expect_offered bash "latency --state halted," halted,running halted,idle-guest
	expect_offered bash "run --device 0000:01:00.0,irq-path=" irqfd userspace
	expect_offered bash "run --device 0000:01:00.0,addr=5,msix-table=" auto device own
	expect_offered bash "run --device 0000:01:00.0,vga=" on off
}

@test "bash: an option is offered once, but for --device of run" {
	expect_offered bash "run --device 1:0.0 --device=2:0.0 --d" --device --dump-$(
		[ "$(uname -m)" = x86_64 ] && echo acpi || echo fdt
	)
	expect_offered bash "run --cpus 2 --c" --console --cmdline
	expect_offered bash "latency --device 1:0.0 --d"
	# Here it is the value of an option.
	expect_offered bash "run --cmdline --cpus --cp" --cpus
}

@test "bash: functions are offered to the commands that can do something with them" {
	# Bash replaces what follows the last colon.
	expect_offered bash "bind " 0000:01:00.1
	expect_offered bash "unbind " 0000:01:00.0 0001:02:00.0
	expect_offered bash "info " 0000:01:00.0 0001:02:00.0
	expect_offered bash "check " 0000:01:00.0 0000:01:00.1 0001:02:00.0
	expect_offered bash "check 0000:01:" 00.0 00.1
	expect_offered bash "check 01:00" 00.0 00.1
	expect_offered bash "run --device " 0000:01:00.0 0001:02:00.0
	expect_offered bash "run --device=0001" 0001:02:00.0
	expect_offered bash "latency --device 0000:01" 01:00.0
	expect_offered bash "bind 0000:01:00.1 -" --driver --owner -v
	mkdir -p mediated/83f6c0a2-5d4b-4c1e-9a77-0f3e8b21d6c4
	expect_offered bash "info mdev" mdev=83f6c0a2-5d4b-4c1e-9a77-0f3e8b21d6c4
	expect_offered bash "run --device mdev" mdev=83f6c0a2-5d4b-4c1e-9a77-0f3e8b21d6c4
	expect_offered bash "check mdev" mdev=83f6c0a2-5d4b-4c1e-9a77-0f3e8b21d6c4
	expect_offered bash "unbind mdev"
}

@test "bash: kernels of this host are offered, and files" {
	touch 'a file'
	expect_offered bash "run --kernel " "$PWD"/boot/vmlinuz-6.12 "$PWD"/modules/6.12/vmlinuz \
		boot devices modules 'a file'
	expect_offered bash "run --kernel=bo" boot
	expect_offered bash "run --kernel boot/vm" boot/vmlinuz-6.12
	expect_offered bash "run --initrd a\\ f" 'a file'
	[ "$(uname -m)" != x86_64 ] || expect_offered bash "run --dump-acpi " boot devices modules
	expect_offered bash "latency compare bo" boot
}

# ---- zsh ----

@test "zsh: the commands are those of the program" {
	needs_zsh
	commands_agree zsh
}

@test "zsh: the options are those that each command takes" {
	needs_zsh
	options_agree zsh
}

@test "zsh: values that have names are those that the program takes" {
	needs_zsh
	values_agree zsh
	# What follows a comma is offered alone.
	expect_offered zsh "latency --path irqfd," userspace intx
	expect_offered zsh "run --memory 2G,h" hugepages={on,off,1G}
	expect_offered zsh "run --device 0000:01:00.0," irq-path={irqfd,userspace} \
		msix-table={auto,device,own} {vga,rombar}={on,off} {addr,vf-token,romfile}=
}

@test "zsh: functions are offered to the commands that can do something with them" {
	needs_zsh
	expect_offered zsh "bind " 0000:01:00.1
	expect_offered zsh "unbind " 0000:01:00.0 0001:02:00.0
	expect_offered zsh "check 0000:" 0000:01:00.0 0000:01:00.1
	expect_offered zsh "run --device=" 0000:01:00.0 0001:02:00.0
	expect_offered zsh "latency --device " 0000:01:00.0 0001:02:00.0
	mkdir -p mediated/83f6c0a2-5d4b-4c1e-9a77-0f3e8b21d6c4
	expect_offered zsh "info mdev" mdev=83f6c0a2-5d4b-4c1e-9a77-0f3e8b21d6c4
	expect_offered zsh "run --device mdev" mdev=83f6c0a2-5d4b-4c1e-9a77-0f3e8b21d6c4
	expect_offered zsh "check mdev" mdev=83f6c0a2-5d4b-4c1e-9a77-0f3e8b21d6c4
	expect_offered zsh "unbind mdev"
}

@test "zsh: kernels of this host are offered, and files" {
	needs_zsh
	expect_offered zsh "run --kernel " "$PWD"/boot/vmlinuz-6.12 "$PWD"/modules/6.12/vmlinuz \
		boot devices modules
	expect_offered zsh "run --initrd boot/init" initrd.img-6.12
}
