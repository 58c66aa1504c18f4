
# The names of a table, each before its `=`.
_classifier_hyperparameters_names() { compgen -S = -W "${!_classifier_hyperparameters[*]}" -- "$1"; }
_classifier_settings_names() { compgen -S = -W "${!_classifier_settings[*]}" -- "$1"; }
_classifier_variables_names() { compgen -S = -W "${!_classifier_variables[*]}" -- "$1"; }

_classifier() {
    local index word words=()
    # Bash takes NAME=VALUE for three words.
    for ((index = 0; index <= COMP_CWORD; index++)); do
        word=${COMP_WORDS[index]}
        if ((index > 0)) && [[ $word == "=" || ${COMP_WORDS[index - 1]} == "=" ]]; then
            words[${#words[@]} - 1]+=$word
        else
            words+=("$word")
        fi
    done
    COMPREPLY=()
    local count=${#words[@]}
    if ((count < 3)) || [[ ${words[1]} != "-m" ]]; then  # somebody else's Python
        declare -F _python >/dev/null && _python "$@"
        return 0
    fi
    local last=${words[count - 1]} table=""
    if [[ $last == *=* ]]; then
        case ${words[count - 2]} in
            -p | --parameter) table=_classifier_hyperparameters ;;
            --set) table=_classifier_settings ;;
            --env) table=_classifier_variables ;;
        esac
    fi
    if [[ $table ]]; then
        local -n values=$table
        mapfile -t COMPREPLY < <(compgen -W "${values[${last%%=*}]}" -- "${last#*=}")
        return 0
    fi
    COMP_WORDS=(python "${words[@]:2}")
    COMP_CWORD=$((count - 2))
    _shtab_python
    if [[ ${COMPREPLY[0]} == *= ]]; then
        compopt -o nospace
    fi
    return 0
}

complete -o bashdefault -o default -F _classifier python python3 .venv/bin/python
