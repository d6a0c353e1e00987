# SPDX-License-Identifier: BSD-2-Clause
# bash completion for notifyctl
#
# make puts in the commands of `notifyctl --help`. Names of accounts, people and
# categories are looked up in the roster, for at most a second; none are offered
# if it cannot be read. The shell never expands text from the roster.

_notifyctl_commands='
@COMMANDS@
'

# The options that take a value.
_notifyctl_valued=' -c --as --owner --title --description --role --confirm '
_notifyctl_valued+='--sender --recipient --png --log --journal --before --since '
_notifyctl_valued+='--on '

# The values of a member in the JSON output of a command.
_notifyctl_ask() {
	local member=$1
	shift
	timeout 1 notifyctl "${_notifyctl_settings[@]}" --json "$@" 2>/dev/null |
		sed -n 's/^ *"'"$member"'": "\([^"\\]*\)",\{0,1\}$/\1/p'
}

# The candidates for a word of the usage.
_notifyctl_values() {
	case $1 in
	ACCOUNT) _notifyctl_ask account account list ;;
	CATEGORY) _notifyctl_ask slug category list ;;
	EMAIL) [[ -n $2 ]] && _notifyctl_ask address user list -- "$2" ;;
	ROLE) printf '%s\n' user-admin member subscriber ;;
	TABLE) echo roles ;;
	FILE) compgen -f -- "$3" ;;
	esac
}

_notifyctl() {
	local line=${COMP_LINE:0:COMP_POINT} cur='' name arguments value
	local -a words=() _notifyctl_settings=() plain=() shape=() places=()
	local i account='' command='' kind='' skip='' ended='' dashes=''

	# Not COMP_WORDS: bash cuts addresses at the @.
	read -ra words <<<"$line"
	[[ $line == *[[:space:]] ]] && words+=('')
	cur=${words[-1]}
	COMPREPLY=()

	for ((i = 1; i < ${#words[@]} - 1; i++)); do
		if [[ -n $ended ]]; then
			plain+=("${words[i]}")
		elif [[ ${words[i]} == -- ]]; then
			ended=1
		elif [[ ${words[i]} == -c ]]; then
			_notifyctl_settings=(-c "${words[++i]}")
		elif [[ $_notifyctl_valued == *" ${words[i]} "* ]]; then
			((i++))
		elif [[ ${words[i]} != -* ]]; then
			plain+=("${words[i]}")
		fi
	done
	case ${words[-2]} in
	-c | --png | --log | --journal) kind=FILE ;;
	--role) kind=ROLE ;;
	--as | --owner | --confirm | --recipient | --sender) kind=EMAIL ;;
	--title | --description | --before | --since | --on) return ;;
	--help) kind=TABLE ;;
	esac

	# The longest command that the words begin with.
	while IFS='|' read -r name arguments; do
		[[ -n $name ]] || continue
		if [[ "${plain[*]} " == "$name "* ]]; then
			command=$name
			read -ra shape <<<"$name"
			account=${plain[${#shape[@]}]-}
			i=$((${#plain[@]} - ${#shape[@]}))
			read -ra shape <<<"$arguments"
		fi
	done <<<"$_notifyctl_commands"

	if [[ -n $kind ]]; then
		:
	elif [[ $cur == -* && -z $ended ]]; then
		for value in "${shape[@]}" -c --as --json --help --version; do
			value=${value//[].[]/}
			[[ $value == -* && $value == "$cur"* ]] &&
				COMPREPLY+=("$value")
		done
		return
	elif [[ -z $command ]]; then
		while IFS='|' read -r name arguments; do
			[[ -n $name && "$name" == "${plain[*]:+${plain[*]} }$cur"* ]] ||
				continue
			read -ra shape <<<"$name"
			value=${shape[${#plain[@]}]}
			[[ " ${COMPREPLY[*]} " == *" $value "* ]] ||
				COMPREPLY+=("$value")
		done <<<"$_notifyctl_commands"
		return
	else
		# The word of the usage at this place; the last may repeat.
		for value in "${shape[@]}"; do
			case ${value//[][]/} in
			--*) [[ $_notifyctl_valued == *" ${value//[][]/} "* ]] && skip=1 ;;
			[A-Z]*)
				[[ -n $skip ]] || places+=("${value//[][]/}")
				skip=''
				;;
			esac
		done
		if ((i < ${#places[@]})); then
			kind=${places[i]}
		elif ((${#places[@]} > 0)) && [[ ${places[-1]} == *... ]]; then
			kind=${places[-1]}
		fi
		kind=${kind%...}
		[[ -n $ended ]] || dashes='-- '
	fi

	while IFS= read -r value; do
		[[ $value == "$cur"* ]] || continue
		# Bash replaces only the text after the last @.
		[[ $cur == *@* && $COMP_WORDBREAKS == *@* ]] &&
			value=${value#"${cur%@*}"@}
		[[ $value == -* ]] && value=$dashes$value
		COMPREPLY+=("$value")
	done < <(_notifyctl_values "$kind" "$account" "$cur")
}
complete -F _notifyctl notifyctl
