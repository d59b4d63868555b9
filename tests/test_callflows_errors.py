"""What a flow author is told: every error at once, one line each, with its place."""

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from callflows.errors import FlowErrors
from callflows.loader import LIBRARY, load_callflow, load_sources

CRISIS = (LIBRARY / "crisis.yaml").read_text(encoding="utf-8")

GOOD = """\
name: trial
languages: [zh-CN]
start: hello
prompts:
  hello: {zh-CN: 你好}
steps:
  hello:
    type: menu
    prompt: hello
    exits:
      "1": anyone
      no_input: anyone
  anyone:
    type: queue
    exits:
      answered: goodbye
      none_available: message
  message:
    type: voicemail
    prompt: hello
    exits: {recorded: goodbye}
  goodbye:
    type: hang_up
"""


def errors_of(text):
    with pytest.raises(FlowErrors) as caught:
        load_sources({"trial": text, "crisis": CRISIS}, "trial")
    lines = str(caught.value).splitlines()
    assert len(lines) == len(caught.value.errors)
    return lines


def test_good_flow_loads():
    assert load_sources({"trial": GOOD, "crisis": CRISIS}, "trial").name == "trial"


ONE_CHANGE = {
    "unknown step type": (
        "type: voicemail",
        "type: voicemial",
        "trial.yaml:19:5: step message, type: unknown step type voicemial: did you mean voicemail?",
    ),
    "no step type": (
        "type: hang_up",
        "typ: hang_up",
        "trial.yaml:22:3: step goodbye, type: every step needs a type: one of say, menu, ",
    ),
    "dangling exit": (
        '"1": anyone',
        '"1": anyon',
        "trial.yaml:11:7: step hello, exits.1: there is no step anyon: did you mean anyone?",
    ),
    "unknown exit": (
        "no_input: anyone",
        "no_imput: anyone",
        "trial.yaml:12:7: step hello, exits.no_imput: menu has no such exit: did you mean no_input",
    ),
    "missing exit": (
        "      none_available: message\n",
        "",
        "trial.yaml:15:5: step anyone, exits: the exit none_available is missing",
    ),
    "unreachable step": (
        "none_available: message",
        "none_available: goodbye",
        "trial.yaml:18:3: step message: no exit leads to this step",
    ),
    "star as an exit": (
        '"1": anyone',
        '"*": anyone',
        "trial.yaml:11:7: step hello, exits.*: the key * is crisis in every step and cannot",
    ),
    "on instead of exits": (
        "    exits:\n      answered",
        "    on:\n      answered",
        "trial.yaml:15:5: step anyone, on: use `exits:` for where each outcome leads",
    ),
    "misspelt key": (
        "prompt: hello\n    exits:",
        "promt: hello\n    exits:",
        "trial.yaml:9:5: step hello, promt: unknown key: did you mean prompt?",
    ),
    "unknown prompt": (
        "prompt: hello\n    exits: {",
        "prompt: helo\n    exits: {",
        "trial.yaml:20:5: step message, prompt: there is no prompt helo: did you mean hello?",
    ),
    "missing language": (
        "languages: [zh-CN]",
        "languages: [zh-CN, en]",
        "trial.yaml:5:3: prompts.hello: has no text in en",
    ),
    "language that the flow hasn't": (
        "{zh-CN: 你好}",
        "{zh-CN: 你好, en: Hello}",
        "trial.yaml:5:22: prompts.hello.en: en is not among the flow's languages",
    ),
    "placeholder that nothing fills": (
        "{zh-CN: 你好}",
        '{zh-CN: "{n}位"}',
        "trial.yaml:9:5: step hello, prompt: nothing fills {n} of the prompt hello here",
    ),
    "prompt of the queue": (
        "type: queue",
        "type: queue\n    announcement: helo",
        "trial.yaml:15:5: step anyone, announcement: there is no prompt helo: did you mean hello?",
    ),
    "patience without an exit": (
        "type: queue",
        "type: queue\n    patience: 60",
        "trial.yaml:13:3: step anyone: patience and the exit waited_long go together",
    ),
    "time without quotes": (
        "title: x",
        "title: 17:30",
        'trial.yaml:2:8: title: write "17:30" in quotes',
    ),
    "number for a name": (
        "start: hello",
        "start: 12355",
        "trial.yaml:3:1: start: expected a text, not the number 12355: write it in quotes",
    ),
    "prompt without end": (
        "zh-CN: 你好",
        f"zh-CN: {'你好' * 501}",
        "trial.yaml:5:11: prompts.hello.zh-CN: longer than 1000 characters",
    ),
    "wrong name": (
        "name: trial",
        "name: trail",
        "trial.yaml:1:1: name: expected 'trial' as the file is named, not 'trail'",
    ),
    "no start step": (
        "start: hello",
        "start: helo",
        "trial.yaml:3:1: start: there is no step helo: did you mean hello?",
    ),
    "key twice": (
        "no_input: anyone",
        '"1": anyone',
        "trial.yaml:12:7: step hello, exits.1: stands twice here, first at 11:7",
    ),
    "null key": (
        '"1": anyone',
        "~: anyone",
        "trial.yaml:11:7: step hello, exits: a key cannot be null: write it in quotes",
    ),
    "number too large": (
        "type: menu",
        "type: menu\n    timeout: 300",
        "trial.yaml:9:5: step hello, timeout: ",
    ),
    "alias": (
        "{zh-CN: 你好}",
        "{zh-CN: *hello}",
        "trial.yaml:5:18: `*hello` is an alias: write it out",
    ),
    "anchor": (
        "{zh-CN: 你好}",
        "&hello {zh-CN: 你好}",
        "trial.yaml:5:10: `&hello` is an anchor",
    ),
    "tag": (
        "{zh-CN: 你好}",
        "!!python/name:os.system {zh-CN: 你好}",
        "trial.yaml:5:10: `",
    ),
    "tab": ("    type: menu", "\ttype: menu", "trial.yaml:8:1: not YAML: a tab: indent with"),
    "unclosed bracket": ("[zh-CN]", "[zh-CN", "trial.yaml:"),
    "second document": ("  goodbye:\n", "---\n  goodbye:\n", "trial.yaml:22:1: a second document"),
    "subflow that isn't there": (
        "type: hang_up",
        "type: subflow\n    flow: nowhere",
        "trial.yaml:24:5: there is no flow nowhere.yaml",
    ),
    "subflow's return without an exit": (
        "type: hang_up",
        "type: subflow\n    flow: trial",
        "trial.yaml:1:1: name: this flow goes through itself again as a subflow",
    ),
}


@pytest.mark.parametrize("case", ONE_CHANGE)
def test_one_mistake_gives_one_clear_line(case):
    old, new, expected = ONE_CHANGE[case]
    text = GOOD.replace("languages", "title: x\nlanguages") if "title" in old else GOOD
    assert old in text
    (line,) = [line for line in errors_of(text.replace(old, new, 1)) if expected in line]
    assert line.startswith(expected)


def test_all_mistakes_come_at_once():
    text = GOOD.replace("type: menu", "type: meny").replace("type: queue", "type: queue\n    x: 1")
    text = text.replace("recorded: goodbye", "recorded: goodby").replace(
        "no_input: any", "no_input: en"
    )
    assert [line.split(": ")[0] for line in errors_of(text)] == [
        "trial.yaml:8:5",
        "trial.yaml:12:7",
        "trial.yaml:15:5",
        "trial.yaml:22:13",
    ]


def test_loop_without_a_wait_is_refused():
    loop = """\
name: trial
languages: [zh-CN]
start: first
steps:
  first: {type: set_value, values: {topic: law}, exits: {done: second}}
  second: {type: queue, exits: {answered: third, none_available: first}}
  third: {type: hang_up}
"""
    (line,) = errors_of(loop)
    assert line.startswith(
        "trial.yaml:5:3: step first: a loop in which the caller waits for nothing"
    )


def test_digits_may_be_keys_without_quotes():
    callflow = load_sources({"trial": GOOD.replace('"1":', "1:"), "crisis": CRISIS}, "trial")
    assert callflow.flows["trial"].steps["hello"].exits["1"] == "anyone"


ODDITIES = [
    "{}",
    "[]",
    "~",
    "1",
    "1.5",
    "*x",
    "&x ",
    "!!int ",
    "'",
    '"',
    ":",
    "- ",
    "\t",
    "\n",
    "{n}",
    "{? [a]: b}",
    "<<: 1",
    "\x00",
    "🎈",
    ".nan",
    "0x1f",
    "? a",
    "|",
    "%",
    "---",
]


# A key over two lines.
@example(changes=[(44, 6, "~"), (44, 20, "\n")])
@settings(max_examples=60, deadline=None)
@given(
    st.lists(
        st.tuples(st.integers(0, len(GOOD)), st.integers(0, 20), st.sampled_from(ODDITIES)),
        min_size=1,
        max_size=3,
    )
)
def test_whatever_is_written_either_loads_or_is_told(changes):
    text = GOOD
    for at, length, oddity in changes:
        text = text[:at] + oddity + text[at + length :]
    refused = None
    try:
        load_sources({"trial": text, "crisis": CRISIS}, "trial")
    except FlowErrors as errors:
        refused = errors
    assert refused is None or len(str(refused).splitlines()) == len(refused.errors) > 0


BOMB = "a: &a [x, x]\n" + "".join(
    f"{b}: &{b} [*{a}, *{a}, *{a}, *{a}, *{a}, *{a}, *{a}, *{a}]\n"
    for a, b in zip("abcdefgh", "bcdefghi", strict=True)
)


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (b"", "trial.yaml:1:1: the file is empty"),
        (b"# nothing\n", "trial.yaml:1:1: the file is empty"),
        (b"- a\n- b\n", "trial.yaml:1:1: expected a flow"),
        (b"name: \xd6\n", "trial.yaml:1:7: not UTF-8 text"),
        (b"name: a\x00b\n", "trial.yaml:1:8: a character that no text may hold"),
        (b"name: x\n" * 140_000, "trial.yaml:1:1: the file has more than 256 kB"),
        (BOMB.encode(), "trial.yaml:1:4: `&a` is an anchor"),
        (b"[" * 100_000, "trial.yaml:1:13: nested deeper than 12 levels"),
        (b"%YAML 1.1\n---\ntitle: 17:30\n", 'trial.yaml:3:8: title: write "17:30" in quotes'),
    ],
)
def test_files_that_are_no_flows(tmp_path, content, expected):
    file = tmp_path / "trial.yaml"
    file.write_bytes(content)
    with pytest.raises(FlowErrors) as caught:
        load_callflow(file)
    assert any(line.startswith(expected) for line in str(caught.value).splitlines())


def test_missing_entry_is_named(tmp_path):
    with pytest.raises(FlowErrors, match=r"there is no flow nobody\.yaml"):
        load_callflow(tmp_path, "nobody")


def test_own_folder_goes_before_the_shipped_flows(tmp_path):
    text = (LIBRARY / "voicemail.yaml").read_text(encoding="utf-8")
    (tmp_path / "voicemail.yaml").write_text(text.replace("再见", "回头见"), encoding="utf-8")
    own, shipped = load_callflow(tmp_path), load_callflow(LIBRARY)
    assert own.flows["voicemail"].prompts["thanks"]["zh-CN"] == "留言收到了，回头见。"
    assert own.flows["crisis"] == shipped.flows["crisis"]
    assert own.version != shipped.version


def test_kept_sources_make_the_same_flow_again():
    callflow = load_callflow(LIBRARY)
    assert load_sources(callflow.sources).version == callflow.version
