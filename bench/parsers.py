"""Other parsers of exported chats, each in an environment of its own under `.venv-peers`: `make bench-peers`.

None of them gives messages an id. Each is told what it can be told, and is timed from after its imports.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from bench.chats import Ios

_ENVIRONMENTS = Path(__file__).parents[1] / ".venv-peers"
_PYTHON = """
import json, resource, sys, time, warnings
warnings.simplefilter("ignore")
{imports}
cpu = time.process_time()
found = {parsed}
cpu = time.process_time() - cpu
rss = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
print(json.dumps({{"cpu": cpu, "count": len(found), "rss": rss}}))
"""
_NODE = """
const {{parseString}} = require("whatsapp-chat-parser");
const before = process.cpuUsage();
const text = require("fs").readFileSync(process.argv[1], "utf8");
const found = parseString(text, {{daysFirst: {day_first}}});
const used = process.cpuUsage(before);
const cpu = (used.user + used.system) / 1e6;
console.log(JSON.stringify({{cpu, count: found.length, rss: process.resourceUsage().maxRSS / 1024}}));
"""


@dataclass(frozen=True, slots=True)
class Parser:
    """Another parser: what says that it is installed, and how it is run on a file of a form."""

    installed_as: Path
    command: Callable[[Path, type[Ios]], Sequence[str]]

    @property
    def installed(self) -> bool:
        return self.installed_as.exists()


def _python(environment: str, imports: str, parsed: str) -> Parser:
    python = _ENVIRONMENTS / environment / "bin/python"

    def command(path: Path, form: type[Ios]) -> Sequence[str]:
        script = _PYTHON.format(imports=imports, parsed=parsed.format(hformat=form.as_told_to_whatstk))
        return [str(python), "-c", script, str(path)]

    return Parser(python, command)


def _node() -> Parser:
    def command(path: Path, form: type[Ios]) -> Sequence[str]:
        return ["node", "-e", _NODE.format(day_first=str(form.day_first).lower()), str(path)]

    return Parser(_ENVIRONMENTS / "node/node_modules/whatsapp-chat-parser", command)


WHATSTK, WHATSTK_TOLD = "whatstk", "whatstk, told the form"
CHAT_MINER, CHATPACK, NODE = "chat-miner", "chatpack (Rust)", "whatsapp-chat-parser (node)"
_FROM_WHATSTK = "from whatstk import WhatsAppChat"
_FROM_CHAT_MINER = "from chatminer.chatparsers import WhatsAppParser; parser = WhatsAppParser(sys.argv[1])"
PARSERS: Mapping[str, Parser] = {
    WHATSTK: _python("whatstk", _FROM_WHATSTK, "WhatsAppChat.from_source(sys.argv[1]).df"),
    WHATSTK_TOLD: _python("whatstk", _FROM_WHATSTK, "WhatsAppChat.from_source(sys.argv[1], hformat={hformat!r}).df"),
    CHAT_MINER: _python(
        "chat-miner", _FROM_CHAT_MINER, "parser.parse_file() or parser.parsed_messages._parsed_messages"
    ),
    CHATPACK: _python("chatpack", "import chatpack", "chatpack.parse_whatsapp(sys.argv[1])"),
    NODE: _node(),
}
ENVIRONMENT = {**os.environ, "NODE_PATH": str(_ENVIRONMENTS / "node/node_modules")}
