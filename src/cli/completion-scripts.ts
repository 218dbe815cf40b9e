export type Shell = 'bash' | 'zsh' | 'fish' | 'powershell';

/** The bits with which `__complete` tells the shell how to go on: cobra's numbers. */
export const directive = { error: 1, noSpace: 2, noFiles: 4, directories: 16 } as const;

/**
 * The script that makes `shell` ask `program __complete` for what may come next. All knowledge is in the
 * program; the scripts only carry words there and answers back.
 */
export function completionScript(shell: Shell, program: string, descriptions: boolean): string {
  const script = scripts[shell];
  return script
    .replaceAll('PROGRAM', program)
    .replaceAll('REQUEST', descriptions ? '__complete' : '__completeNoDesc');
}

const bash = String.raw`# bash completion for PROGRAM
_PROGRAM_complete() {
    # Bash splits words at = and : too; put them together again as they were typed.
    local line=${'$'}{COMP_LINE:0:COMP_POINT} piece rest
    local -a words=()
    local index
    for ((index = 0; index <= COMP_CWORD; index++)); do
        piece=${'$'}{COMP_WORDS[index]}
        rest=${'$'}{line#"${'$'}{line%%[![:space:]]*}"}
        if ((index > 0)) && [[ $rest == "$line" && -n $piece ]]; then
            words[${'$'}{#words[@]} - 1]+=$piece
        else
            words+=("$piece")
        fi
        line=${'$'}{rest#"$piece"}
    done
    local current=${'$'}{words[${'$'}{#words[@]} - 1]}

    local -a answers
    mapfile -t answers < <("${'$'}{words[0]}" REQUEST "${'$'}{words[@]:1}" 2>/dev/null)
    local count=${'$'}{#answers[@]}
    ((count > 0)) || return 0
    local directive=${'$'}{answers[count - 1]#:}
    unset 'answers[count - 1]'
    [[ $directive =~ ^[0-9]+$ ]] && ((!(directive & 1))) || return 0
    ((directive & 2)) && compopt -o nospace

    COMPREPLY=()
    # What readline replaces begins after the last = or :.
    local kept=${'$'}{current%"${'$'}{current##*[=:]}"} answer name
    if ((directive & 16)); then
        compopt -o filenames
        mapfile -t COMPREPLY < <(compgen -d -- "${'$'}{current#"$kept"}")
        return 0
    fi
    for answer in "${'$'}{answers[@]}"; do
        name=${'$'}{answer%%$'\t'*}
        [[ $name == "$current"* ]] && COMPREPLY+=("${'$'}{answer#"$kept"}")
    done
    # Descriptions are for a list on the screen only.
    if ((${'$'}{#COMPREPLY[@]} == 1 || COMP_TYPE != 63)); then
        COMPREPLY=("${'$'}{COMPREPLY[@]%%$'\t'*}")
    else
        COMPREPLY=("${'$'}{COMPREPLY[@]/$'\t'/  -- }")
    fi
    if ((${'$'}{#COMPREPLY[@]} == 0 && !(directive & 4))); then
        compopt -o default
    fi
}
complete -F _PROGRAM_complete PROGRAM
`;

const zsh = String.raw`#compdef PROGRAM
# zsh completion for PROGRAM
_PROGRAM() {
    local -a answers pairs
    answers=("${'$'}{(@f)$("${'$'}{words[1]}" REQUEST "${'$'}{(@)words[2,CURRENT]}" 2>/dev/null)}")
    local directive=${'$'}{answers[-1]#:}
    [[ $directive == <-> ]] && (( !(directive & 1) )) || return 1
    answers=("${'$'}{(@)answers[1,-2]}")
    if (( directive & 16 )); then
        _path_files -/
        return
    fi
    local answer name
    for answer in "${'$'}{answers[@]}"; do
        [[ -n $answer ]] || continue
        name=${'$'}{answer%%$'\t'*}
        if [[ $answer == *$'\t'* ]]; then
            pairs+=("${'$'}{name//:/\\:}:${'$'}{answer#*$'\t'}")
        else
            pairs+=("${'$'}{name//:/\\:}")
        fi
    done
    local -a options
    (( directive & 2 )) && options=(-S '')
    if (( ${'$'}{#pairs} )) && _describe -V 'PROGRAM' pairs "${'$'}{options[@]}"; then
        return 0
    fi
    (( directive & 4 )) || _files
}
if [[ $funcstack[1] == _PROGRAM ]]; then
    _PROGRAM
else
    compdef _PROGRAM PROGRAM
fi
`;

const fish = String.raw`# fish completion for PROGRAM
function __PROGRAM_ask
    set -l words (commandline -opc)
    set -l current (commandline -ct)
    $words[1] REQUEST $words[2..-1] "$current" 2>/dev/null
end
function __PROGRAM_wants_files
    set -l answers (__PROGRAM_ask)
    set -l directive (string replace : '' -- $answers[-1])
    test (count $answers) -le 1; and test (math "bitand($directive, 5)") -eq 0
end
function __PROGRAM_answers
    set -l answers (__PROGRAM_ask)
    set -l directive (string replace : '' -- $answers[-1])
    if test (math "bitand($directive, 16)") -ne 0
        __fish_complete_directories (commandline -ct)
    else
        printf '%s\n' $answers[1..-2]
    end
end
complete -c PROGRAM -e
complete -c PROGRAM -n __PROGRAM_wants_files -F
complete -c PROGRAM -n 'not __PROGRAM_wants_files' -f -a '(__PROGRAM_answers)'
`;

const powershell = `# PowerShell completion for PROGRAM
Register-ArgumentCompleter -Native -CommandName 'PROGRAM' -ScriptBlock {
    param($current, $tree, $position)
    $words = @($tree.CommandElements | Where-Object { $_.Extent.StartOffset -lt $position } |
        ForEach-Object { $_.ToString() })
    if ($current -eq '') { $words += '' }
    $answers = @(& $words[0] REQUEST @($words | Select-Object -Skip 1) 2>$null)
    if ($answers.Count -eq 0) { return }
    $answers | Select-Object -SkipLast 1 | ForEach-Object {
        $name, $text = $_ -split "${'`'}t", 2
        if (-not $text) { $text = $name }
        [System.Management.Automation.CompletionResult]::new($name, $name, 'ParameterValue', $text)
    }
}
`;

const scripts: Readonly<Record<Shell, string>> = { bash, zsh, fish, powershell };
