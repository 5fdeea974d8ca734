//! `completions/`: what clap_complete writes, and names of snapshots, tags, machines and tasks asked of `larder complete`.

use super::super::{SECTIONS, Section};
use crate::globals::Globals;
use clap::{Arg, Args, Command, ValueHint};
use clap_complete::{Shell, generate};
use std::collections::BTreeSet;

/// The shells, and the names of the files that they look for.
const SHELLS: [(&str, &str); 3] = [("bash", "larder.bash"), ("zsh", "_larder"), ("fish", "larder.fish")];

/// File names and texts.
pub fn scripts() -> anyhow::Result<Vec<(String, String)>> {
    SHELLS.iter().map(|(shell, file)| Ok((file.to_string(), script(shell)?))).collect()
}

/// The script of a shell.
pub fn script(shell: &str) -> anyhow::Result<String> {
    Ok(match shell {
        "zsh" => zsh(&plain(Shell::Zsh)?),
        "fish" => plain(Shell::Fish)? + &Names::of_the_table().fish(),
        _ => actions_first(&plain(Shell::Bash)?) + &Names::of_the_table().bash(),
    })
}

fn plain(shell: Shell) -> anyhow::Result<String> {
    let mut script = Vec::new();
    generate(shell, &mut whole(), "larder", &mut script);
    Ok(String::from_utf8(script)?)
}

/// The whole program as one command, for clap_complete. Hints that larder has no use for stand for its own kinds of
/// names, so that zsh's script shows where they go.
fn whole() -> Command {
    let rows = SECTIONS.iter().flat_map(Section::listed).map(|row| {
        let command = row.command().about(row.about).long_about(None);
        command.mut_args(|arg| match kind_of(&arg) {
            Some("snapshots") => arg.value_hint(ValueHint::EmailAddress),
            Some("tags") => arg.value_hint(ValueHint::Username),
            Some("tasks") => arg.value_hint(ValueHint::Url),
            Some(_) => arg.value_hint(ValueHint::Hostname),
            None => arg,
        })
    });
    Globals::augment_args(Command::new("larder"))
        .version(env!("CARGO_PKG_VERSION"))
        .disable_help_subcommand(true)
        .subcommands(rows)
}

/// What kind of name an argument takes, by the name of its value.
fn kind_of(arg: &Arg) -> Option<&'static str> {
    let value = arg.get_value_names()?.first()?.as_str();
    if value.starts_with("SNAPSHOT") || value == "TREE" {
        Some("snapshots")
    } else if value.starts_with("TAG") {
        Some("tags")
    } else if value == "TASK" || value == "TARGET" {
        Some("tasks")
    } else if arg.get_long() == Some("host") {
        Some("hosts")
    } else {
        None
    }
}

/// Which commands and options take which kind of name.
struct Names {
    /// Kind and command whose arguments are of it.
    commands: BTreeSet<(&'static str, &'static str)>,
    /// Command, option and kind.
    options: BTreeSet<(&'static str, String, &'static str)>,
}

impl Names {
    fn of_the_table() -> Names {
        let mut names = Names { commands: BTreeSet::new(), options: BTreeSet::new() };
        for row in SECTIONS.iter().flat_map(Section::listed) {
            for arg in row.command().get_arguments() {
                match (kind_of(arg), arg.get_long()) {
                    (Some(kind), Some(long)) => {
                        names.options.insert((row.name, long.to_string(), kind));
                    }
                    (Some(kind), None) => {
                        names.commands.insert((kind, row.name));
                    }
                    _ => {}
                }
            }
        }
        names
    }

    fn bash(&self) -> String {
        let mut cases = String::new();
        for wanted in ["snapshots", "tags", "hosts"] {
            let options: BTreeSet<String> = self
                .options
                .iter()
                .filter(|(.., kind)| *kind == wanted)
                .map(|(_, long, _)| format!("--{long}"))
                .collect();
            if !options.is_empty() {
                cases.push_str(&format!("        {}) kind={wanted} ;;\n", Vec::from_iter(options).join("|")));
            }
        }
        let mut commands = String::new();
        for wanted in ["snapshots", "tasks"] {
            let of_kind = self.commands.iter().filter(|(kind, _)| *kind == wanted).map(|(_, command)| *command);
            commands.push_str(&format!("            {}) kind={wanted}; break ;;\n", Vec::from_iter(of_kind).join("|")));
        }
        BASH.replace("@OPTIONS@", &cases).replace("@COMMANDS@", &commands)
    }

    fn fish(&self) -> String {
        let mut lines = String::from(FISH);
        for (kind, command) in &self.commands {
            lines.push_str(&format!(
                "complete -c larder -n \"__fish_larder_using_subcommand {command}\" -a \"(__larder_names {kind})\"\n"
            ));
        }
        for (command, long, kind) in &self.options {
            lines.push_str(&format!(
                "complete -c larder -n \"__fish_larder_using_subcommand {command}\" -l {long} -x -a \"(__larder_names {kind})\"\n"
            ));
        }
        lines
    }
}

/// The words that bash offers for each command: actions before options, which clap_complete has the other way round.
fn actions_first(script: &str) -> String {
    let sorted = |words: &str| {
        let (options, actions): (Vec<&str>, Vec<&str>) = words.split(' ').partition(|word| word.starts_with('-'));
        let (values, actions): (Vec<&str>, Vec<&str>) =
            actions.into_iter().partition(|word| word.starts_with(['[', '<']));
        [actions, options, values].concat().join(" ")
    };
    let line = |line: &str| match line.trim_start().strip_prefix("opts=\"").and_then(|rest| rest.strip_suffix('"')) {
        Some(words) => format!("{}opts=\"{}\"\n", &line[..line.len() - line.trim_start().len()], sorted(words)),
        None => format!("{line}\n"),
    };
    script.lines().map(line).collect()
}

fn zsh(script: &str) -> String {
    let named = script
        .replace("_email_addresses", "_larder_snapshots")
        .replace(":_users", ":_larder_tags")
        .replace(":_hosts", ":_larder_hosts")
        .replace(":_urls", ":_larder_tasks");
    // The last block of the script decides whether it was autoloaded or sourced; functions have to stand before it.
    match named.rfind("if [ \"$funcstack[1]\"") {
        Some(at) => format!("{}{ZSH}\n{}", &named[..at], &named[at..]),
        None => format!("{named}\n{ZSH}"),
    }
}

const BASH: &str = r#"
# Names of snapshots, tags and machines are those that larder saw last, tasks those of the manifest: nothing is asked.
_larder_names() {
    local cur="${COMP_WORDS[COMP_CWORD]}" prev="${COMP_WORDS[COMP_CWORD-1]}" kind="" at whole begun=""
    local -a repo=() names=()
    for ((at = 1; at < COMP_CWORD; at++)); do
        case "${COMP_WORDS[at]}" in
        -r|--repo) repo=(-r "${COMP_WORDS[at+1]}") ;;
        esac
    done
    case "$prev" in
@OPTIONS@    esac
    if [[ -z $kind && $cur != -* && $prev != -* ]]; then
        for ((at = 1; at < COMP_CWORD; at++)); do
            case "${COMP_WORDS[at]}" in
@COMMANDS@            esac
        done
    fi
    if [[ $kind == tasks ]]; then
        # Names of tasks hold characters that part words for bash.
        whole="${COMP_LINE:0:COMP_POINT}" whole="${whole##* }" begun="${whole%"$cur"}"
    fi
    if [[ -n $kind ]]; then
        mapfile -t names < <(larder "${repo[@]}" complete "$kind" -- "${COMP_WORDS[@]:0:COMP_CWORD}" 2>/dev/null | cut -f 1)
        mapfile -t COMPREPLY < <(compgen -W "${names[*]}" -- "$begun$cur")
        COMPREPLY=("${COMPREPLY[@]#"$begun"}")
        if [[ ${#COMPREPLY[@]} -gt 0 ]]; then
            return 0
        fi
    fi
    _larder "$@"
}

complete -F _larder_names -o nosort -o bashdefault -o default larder
"#;

const FISH: &str = r#"
# Names of snapshots, tags and machines are those that larder saw last, tasks those of the manifest: nothing is asked.
function __larder_names
    larder complete $argv -- (commandline -opc) 2>/dev/null
end
"#;

const ZSH: &str = r#"# Names of snapshots, tags and machines are those that larder saw last, tasks those of the manifest: nothing is asked.
_larder_names() {
    local -a names
    local file=${(Q)opt_args[-f]:-${(Q)opt_args[--file]}}
    names=(${(f)"$(larder complete $1 -- ${file:+-f} $file $words 2>/dev/null | sed -e 's/:/\\:/g' -e 's/	/:/')"})
    _describe -t $1 $1 names
}
_larder_snapshots() { _larder_names snapshots }
_larder_tags() { _larder_names tags }
_larder_hosts() { _larder_names hosts }
_larder_tasks() { _larder_names tasks }
"#;
