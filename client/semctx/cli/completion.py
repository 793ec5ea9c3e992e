"""Shell completion, generated from the grammar: commands, options, their choices, and files where files are meant."""

from __future__ import annotations

import argparse
from collections import namedtuple

from semctx.cli.parser import build

TYPE_CHECKING = False  # importing typing would cost every command 5 ms
if TYPE_CHECKING:
    from argparse import Namespace
    from collections.abc import Iterator

_FILES, _FOLDERS = ("FILE", "PATH"), ("DIR", "ROOT")

_Command = namedtuple("_Command", "path help actions")  # path: its words; actions: argparse's, options and arguments


def completion(arguments: Namespace) -> int:
    """semctx completion."""
    if arguments.json:
        arguments.usage_error("it prints a script for a shell, not JSON")
    commands = list(_commands(build(), ()))
    write = {"bash": _bash, "zsh": _zsh, "fish": _fish}[arguments.shell]
    print("\n".join(write(commands)))
    return 0


def _commands(parser: argparse.ArgumentParser, path: tuple[str, ...]) -> Iterator[_Command]:
    """Every command below `path`, those that have commands of their own before these."""
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            helps = {choice.dest: choice.help or "" for choice in action._choices_actions}
            for name, command in action.choices.items():
                own = [one for one in command._actions if not isinstance(one, argparse._SubParsersAction)]
                yield _Command((*path, name), helps[name], own)
                yield from _commands(command, (*path, name))


def _children(commands: list[_Command], path: tuple[str, ...]) -> list[_Command]:
    return [command for command in commands if command.path[:-1] == path]


def _choices(action: argparse.Action) -> str:
    return " ".join(map(str, action.choices or ()))


def _takes_value(action: argparse.Action) -> bool:
    return bool(action.option_strings) and action.nargs != 0


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "'\\''") + "'"


def _bash(commands: list[_Command]) -> Iterator[str]:
    yield "_semctx() {"
    yield "    local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD-1]} words="
    yield '    case "$COMP_CWORD ${COMP_WORDS[*]:1:COMP_CWORD-1} " in'
    yield f'    "1 "*) words={_quoted(" ".join(command.path[0] for command in _children(commands, ())))};;'
    for command in reversed(commands):  # `cache stats` before `cache`
        path = " ".join(command.path)
        below = _children(commands, command.path)
        words = [option for action in command.actions for option in action.option_strings]
        words += [child.path[-1] for child in below]
        words += [_choices(action) for action in command.actions if not action.option_strings]
        yield f'    *" {path} "*) words={_quoted(" ".join(filter(None, words)))}'
        valued = [action for action in command.actions if _takes_value(action)]
        if valued:
            yield "        case $prev in"
            for action in valued:
                yield f"        {'|'.join(action.option_strings)}) words={_quoted(_choices(action))};;"
            yield "        esac"
        yield "        ;;"
    yield "    esac"
    yield '    COMPREPLY=($(compgen -W "$words" -- "$cur"))'
    yield "}"
    yield "complete -o default -F _semctx semctx"  # default: file names, where none of the words fits


def _zsh(commands: list[_Command]) -> Iterator[str]:
    yield "#compdef semctx"
    yield from _zsh_function("_semctx", commands, ())
    yield "compdef _semctx semctx"


def _zsh_function(name: str, commands: list[_Command], path: tuple[str, ...]) -> Iterator[str]:
    below = _children(commands, path)
    for command in below:
        if _children(commands, command.path):
            yield from _zsh_function(f"{name}_{command.path[-1]}", commands, command.path)
    yield f"{name}() {{"
    yield "    local -a names"
    described = " ".join(_quoted(f"{command.path[-1]}:{command.help}") for command in below)
    yield f"    names=({described})"
    yield "    if (( CURRENT == 2 )); then _describe command names; return; fi"
    yield "    local command=$words[2]"
    yield "    shift words; (( CURRENT-- ))"
    yield "    case $command in"
    for command in below:
        if _children(commands, command.path):
            yield f"    {command.path[-1]}) {name}_{command.path[-1]};;"
        else:
            specs = " ".join(_quoted(spec) for action in command.actions for spec in _zsh_specs(action))
            yield f"    {command.path[-1]}) _arguments {specs};;"
    yield "    esac"
    yield "}"


def _zsh_specs(action: argparse.Action) -> Iterator[str]:
    label = str(action.metavar or action.dest).replace(":", "")
    values = f"({_choices(action)})" if action.choices else "_files -/" if action.metavar in _FOLDERS else ""
    values = values or ("_files" if action.metavar in (*_FILES, "SYMBOL") else " ")
    note = (action.help or "").replace("[", "(").replace("]", ")").replace(":", "")
    if not action.option_strings:
        yield f":{label}:{values}"
    for option in action.option_strings:
        yield f"{option}[{note}]" + (f":{label}:{values}" if _takes_value(action) else "")


def _fish(commands: list[_Command]) -> Iterator[str]:
    for command in commands:
        here = _fish_condition(command.path[:-1], commands)
        yield f"complete -c semctx -f -n {_quoted(here)} -a {command.path[-1]} -d {_quoted(command.help)}"
        condition = _quoted("; and ".join(f"__fish_seen_subcommand_from {word}" for word in command.path))
        for action in command.actions:
            line = f"complete -c semctx -n {condition}"
            for option in action.option_strings:
                line += f" -l {option[2:]}" if option.startswith("--") else f" -s {option[1:]}"
            if action.choices:
                line += f" {'-x ' if action.option_strings else ''}-a {_quoted(_choices(action))}"
            elif _takes_value(action):
                line += " -r" if action.metavar in (*_FILES, *_FOLDERS) else " -x"
            elif not action.option_strings:
                continue  # a name, or a file, which fish completes by itself
            yield f"{line} -d {_quoted(action.help or '')}"


def _fish_condition(path: tuple[str, ...], commands: list[_Command]) -> str:
    if not path:
        return "__fish_use_subcommand"
    children = " ".join(command.path[-1] for command in _children(commands, path))
    return f"__fish_seen_subcommand_from {path[-1]}; and not __fish_seen_subcommand_from {children}"
