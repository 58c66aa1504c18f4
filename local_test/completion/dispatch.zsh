
# NAME=VALUE of a table: names before the `=`, the name's values behind it.
_classifier_pairs() {
    local table=$1 name
    if compset -P 1 '*='; then
        name=${IPREFIX%=}
        name=${name##*=}
        compadd -- ${=${${(P)table}[$name]}}
    else
        compadd -S = -- ${(Pk)table}
    fi
}
_classifier_hyperparameters_names() { _classifier_pairs _classifier_hyperparameters }
_classifier_settings_names() { _classifier_pairs _classifier_settings }
_classifier_variables_names() { _classifier_pairs _classifier_variables }

_classifier() {
    if [[ $words[2] == -m ]] && (( CURRENT > 2 )); then
        words=(python "${(@)words[3,-1]}")
        (( CURRENT-- ))
        _shtab_python
    else
        _default
    fi
}

(( $+functions[compdef] )) || { autoload -Uz compinit && compinit }
compdef _classifier python python3 .venv/bin/python
