# SPDX-License-Identifier: BSD-2-Clause
# shellcheck shell=bash
#
# Completion for bash: commands, options and their values, addresses of PCI functions, kernels. It
# needs nothing but bash. tests/package/completion.bats compares it with what `posthorn help` says.

_posthorn_commands=(run devices check info bind unbind latency timeline help version)
_posthorn_devices=/sys/bus/pci/devices
_posthorn_mediated=/sys/bus/mdev/devices
_posthorn_boot=/boot
_posthorn_modules=/lib/modules

# Set options to those of a command; "=" follows the name of one that takes a value.
_posthorn_options() {
	local dump=--dump-acpi=
	[[ $HOSTTYPE != aarch64 ]] || dump=--dump-fdt=
	options=()
	case $1 in
	run)
		options+=(--kernel= --initrd= --cmdline= --cpus= --helpers-cpu= --memory= --idle= --halt-poll= --device= --iommu=
			--iommufd= --kvm= --irq-report= --timeline= --require-posting --console= --user= --seccomp= "$dump")
		;;
	devices) options+=(--json) ;;
	info) options+=(--iommu= --json) ;;
	check) options+=(--memory= --iommu= --latency --cpus= --helpers-cpu= --json) ;;
	bind) options+=(--driver= --owner=) ;;
	latency)
		options+=(--device= --iommu= --source= --path= --state= --halt-poll= --load= --until-converged= --break-above= --count= --warmup= --interval=
			--costs= --cpus= --helpers-cpu= --format= --json= --plot=)
		;;
	'latency noise') options+=(--seconds= --cpus= --helpers-cpu= --json= --plot=) ;;
	timeline) options+=(--plot=) ;;
	'latency compare') options+=(--json= --plot= --ratios=) ;;
	'latency read') options+=(--path= --vmm= --arch= --format= --json= --plot=) ;;
	esac
	options+=(-v)
}

# Add the words after the first argument that begin with it to the candidates.
_posthorn_words() {
	local value=$1 word
	shift
	for word; do
		[[ $word != "$value"* ]] || candidates+=("$word")
	done
}

# _posthorn_addresses VALUE [assigned|unassigned]: the same with the addresses of all functions, of
# those that VFIO has, or of all others, but not of bridges. The domain 0000 may be left out.
_posthorn_addresses() {
	local device class state addresses=() count=${#candidates[@]}
	for device in "$_posthorn_devices"/*; do
		[[ -r $device/class ]] || continue
		read -r class <"$device/class"
		state=unassigned
		[[ ! -d $device/vfio-dev ]] || state=assigned
		[[ $class == 0x06* || ${2-$state} != "$state" ]] || addresses+=("${device##*/}")
	done
	_posthorn_words "$1" "${addresses[@]}"
	[[ ${#candidates[@]} -gt $count ]] || _posthorn_words "$1" "${addresses[@]#0000:}"
}

# Names of files, or with "directory" of directories, that begin with the first argument.
_posthorn_files() {
	local kind=-f
	[[ ${2-} != directory ]] || kind=-d
	mapfile -t -O "${#candidates[@]}" candidates < <(compgen "$kind" -- "$1")
	# Bash then quotes them, and adds the slash to directories. (There is no completion to change
	# in tests.)
	compopt -o filenames 2>/dev/null
}

# As _posthorn_words, for a value that is a list: those that are not in it yet.
_posthorn_list() {
	local value=$1 word
	shift
	for word; do
		[[ ,${value%,*}, == *,$word,* ]] || _posthorn_words "${value##*,}" "$word"
	done
	[[ $value != *,* ]] || candidates=("${candidates[@]/#/${value%,*},}")
}

# _posthorn_mdevs VALUE: the same with the mediated devices of this host.
_posthorn_mdevs() {
	local device
	for device in "$_posthorn_mediated"/*; do
		[[ ! -e $device ]] || _posthorn_words "$1" "mdev=${device##*/}"
	done
}

# _posthorn_value COMMAND OPTION VALUE: candidates for the value.
_posthorn_value() {
	local option=$2 value=$3 name
	case $1:$option in
	*:--kernel)
		if [[ -z $value ]]; then
			for name in "$_posthorn_boot"/vmlinuz-* "$_posthorn_modules"/*/vmlinuz; do
				[[ ! -r $name ]] || candidates+=("$name")
			done
		fi
		_posthorn_files "$value"
		;;
	*:--dump-acpi) _posthorn_files "$value" directory ;;
	*:--console)
		_posthorn_words "$value" - none
		_posthorn_files "$value"
		;;
	*:--initrd | *:--irq-report | *:--timeline | *:--dump-fdt | *:--json | *:--plot | *:--ratios) _posthorn_files "$value" ;;
	*:--memory)
		if [[ $value == *,* ]]; then
			_posthorn_words "$value" "${value%,*}",hugepages={on,off,1G} "${value%,*}",{prefault,node}=
		else
			_posthorn_words "$value" 512M 1G 2G 4G 8G
		fi
		;;
	run:--device)
		if [[ $value == *,* ]]; then
			_posthorn_words "$value" "${value%,*}",irq-path={irqfd,userspace} \
				"${value%,*}",{msix-table={auto,device,own},{vga,rombar}={on,off}} \
				"${value%,*}",{addr,vf-token,romfile}=
			return
		fi
		_posthorn_addresses "$value" assigned
		_posthorn_mdevs "$value"
		;;
	latency:--device | latency:--load) _posthorn_addresses "$value" assigned ;;
	*:--user | *:--owner) mapfile -t candidates < <(compgen -u -- "$value") ;;
	*:--iommu) _posthorn_words "$value" auto iommufd type1 ;;
	*:--seccomp) _posthorn_words "$value" on log off ;;
	*:--source) _posthorn_words "$value" edu e1000e e1000e-traffic igb igb-traffic loopback eventfd thread ;;
	latency:--path) _posthorn_list "$value" irqfd userspace intx ;;
	*:--path) _posthorn_words "$value" bare posted injected userspace intx ;;
	*:--arch) _posthorn_words "$value" x86_64 arm64 ;;
	*:--idle) _posthorn_words "$value" host guest ;;
	*:--state) _posthorn_list "$value" running halted idle-guest ;;
	*:--format) _posthorn_words "$value" summary cyclictest csv ;;
	esac
}

# _posthorn_operand COMMAND VALUE [OPERAND]...: candidates for what is no option; before it there
# are OPERANDs already.
_posthorn_operand() {
	local value=$2
	case $1:$#:${3-} in
	check:2:)
		_posthorn_addresses "$value"
		_posthorn_mdevs "$value"
		;;
	info:2:)
		_posthorn_addresses "$value" assigned
		_posthorn_mdevs "$value"
		;;
	unbind:2:) _posthorn_addresses "$value" assigned ;;
	bind:2:) _posthorn_addresses "$value" unassigned ;;
	'latency compare':* | 'latency read':2: | timeline:2:) _posthorn_files "$value" ;;
	'latency report':2:) _posthorn_files "$value" directory ;;
	latency:2: | help:3:latency) _posthorn_words "$value" compare noise read report ;;
	help:2:) _posthorn_words "$value" "${_posthorn_commands[@]}" ;;
	esac
}

# Candidates for an option of a command: without those that are there, but for what may be repeated.
_posthorn_option() {
	local command=$1 value=$2 option
	shift 2
	for option in "${options[@]%=}"; do
		[[ " $* " == *" $option "* && $command:$option != @(run:--device|*:-v) ]] ||
			_posthorn_words "$value" "$option"
	done
}

# Sets candidates and prefix, which goes before each, for the last of the words of a line.
_posthorn_line() {
	local command=$2 option='' given=() operands=() options
	shift 2
	if [[ $command == latency && $# -gt 1 && $1 == @(compare|noise|read|report) ]]; then
		command="latency $1"
		shift
	fi
	_posthorn_options "$command"
	while [[ $# -gt 1 ]]; do
		case $1 in
		-*) given+=("${1%%=*}") ;;
		*) operands+=("$1") ;;
		esac
		if [[ " ${options[*]} " == *" $1= "* ]]; then
			option=$1
			shift
			[[ $# -gt 1 ]] || break
			option=''
		fi
		shift
	done
	if [[ -n $option ]]; then
		_posthorn_value "$command" "$option" "$1"
	elif [[ $1 == --*=* ]]; then
		prefix=${1%%=*}=
		_posthorn_value "$command" "${1%%=*}" "${1#*=}"
	elif [[ $1 != -* ]]; then
		_posthorn_operand "$command" "$1" "${operands[@]}"
	fi
	if [[ -z $option && ($1 == -* || -z $1 && ${#candidates[@]} == 0) ]]; then
		_posthorn_option "$command" "$1" "${given[@]}"
	fi
}

# Sets COMPREPLY from COMP_LINE and COMP_POINT. The words that bash makes of the line are of no use:
# it takes addresses apart at their colons.
_posthorn() {
	local words=() candidates=() prefix='' candidate breaks kept
	# Without -r: a space in a name has a backslash before it.
	# shellcheck disable=SC2162
	read -a words <<<"${COMP_LINE:0:COMP_POINT}"
	[[ ${COMP_LINE:0:COMP_POINT} != *[[:space:]] ]] || words+=('')
	if [[ ${#words[@]} -gt 2 ]]; then
		_posthorn_line "${words[@]}"
	else
		_posthorn_words "${words[-1]}" "${_posthorn_commands[@]}" --help --version
	fi
	# Bash replaces what follows the last character that ends a word; spaces in one are quoted.
	breaks=${COMP_WORDBREAKS//[[:space:]]/}
	kept=${words[-1]%"${words[-1]##*[$breaks]}"}
	COMPREPLY=()
	for candidate in "${candidates[@]}"; do
		candidate=$prefix$candidate
		COMPREPLY+=("${candidate#"$kept"}")
	done
}

complete -F _posthorn posthorn
