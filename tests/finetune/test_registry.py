from __future__ import annotations

import errno
import json
import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from finetune import durable, registry
from finetune.errors import BusyTrainingError, RegistryError
from finetune.registry import SHIPPED, Registry
from finetune.version_folder import CARD, GIVEN, check_task_name, seal, verify_folder

REPOSITORY = Path(__file__).parents[2]
GIVEN_CARD = {
    "data_sha256": "0" * 64, "parent": None, "method": "head", "hyper_parameters": {"seed": 1},
    "metrics": {"macro_f1": 0.9}, "licence": "Apache-2.0", "command": "copilot finetune run",
}  # fmt: skip
posix = pytest.mark.skipif(os.name != "posix", reason="needs fork and signals")


@pytest.fixture
def models(tmp_path) -> Registry:
    return Registry(tmp_path / "models")


def train(models: Registry, task: str = "router", weights: bytes = b"weights", **card) -> str:
    with models.stage(task) as staged:
        (staged / "model.safetensors").write_bytes(weights)
        (staged / "adapter").mkdir()
        (staged / "adapter" / "labels.json").write_text('["a", "b"]')
        return models.publish(task, staged, {**GIVEN_CARD, **card})


def shipped_folder(tmp_path: Path, task: str = "router") -> Path:
    folder = tmp_path / "shipped" / task
    folder.mkdir(parents=True)
    (folder / "model.safetensors").write_bytes(b"shipped")
    seal(folder, task, SHIPPED, GIVEN_CARD)
    return folder.parent


def states(models: Registry, task: str = "router") -> dict[str, tuple[str, bool]]:
    return {info.version: (info.state, info.current) for info in models.versions(task)}


def test_versions_are_published_promoted_and_kept_with_their_reasons(models):
    assert models.current("router") is None and models.versions("router") == [] and models.tasks() == []
    first = train(models)
    assert models.current("router") is None  # published is not promoted
    assert "nothing was decided" in models.get("router", first).reason
    models.promote("router", first, "the first version")
    second, third = train(models), train(models, parent=first)
    models.keep("router", second, "safety is down by 10 points")
    models.promote("router", third, "better on feedback", instead_of=first)
    assert (first, second, third) == ("v0001", "v0002", "v0003")
    assert states(models) == {"v0001": ("promoted", False), "v0002": ("kept", False), "v0003": ("promoted", True)}
    current = models.current("router")
    assert current is not None and current.version == third and current.card["parent"] == first
    assert (current.folder / "adapter" / "labels.json").read_text() == '["a", "b"]'
    assert models.get("router", second).reason == "safety is down by 10 points"
    assert [(d.what, d.version) for d in models.decisions("router")] == [
        ("published", "v0001"), ("promoted", "v0001"), ("published", "v0002"), ("published", "v0003"),
        ("kept", "v0002"), ("promoted", "v0003"),
    ]  # fmt: skip
    assert models.tasks() == ["router"]
    assert not list((current.folder.parent).glob("staging-*"))


def test_rolling_back_twice_goes_two_versions_back_and_then_ends(models):
    names = [train(models) for _ in range(3)]
    for name in names:
        models.promote("router", name, "")
    assert models.rollback("router") == "v0002"
    assert models.rollback("router") == "v0001"
    with pytest.raises(RegistryError, match="no earlier version"):
        models.rollback("router")
    assert states(models) == {"v0001": ("promoted", True), "v0002": ("kept", False), "v0003": ("kept", False)}
    assert "v0002 answers again" in models.get("router", "v0003").reason
    models.promote("router", "v0003", "on second thoughts")  # what was rolled back may come again
    assert models.rollback("router") == "v0001"
    with pytest.raises(RegistryError, match="no versions"):
        models.rollback("unheard-of")
    assert not (models._folder / "unheard-of").exists()


def test_a_rollback_passes_over_what_is_damaged_or_gone(models):
    for _ in range(4):
        models.promote("router", train(models), "")
    folder = models._folder / "router"
    (folder / "v0003" / "model.safetensors").write_bytes(b"wEights")
    for path in sorted((folder / "v0002").rglob("*"), reverse=True):
        path.rmdir() if path.is_dir() else path.unlink()
    (folder / "v0002").rmdir()
    assert models.rollback("router") == "v0001"
    assert "v0003, v0002" in models.decisions("router")[-1].reason


def test_the_shipped_version_answers_until_another_is_promoted_and_again_after_a_rollback(tmp_path):
    shipped = shipped_folder(tmp_path)
    (shipped / "body").mkdir()  # weights of another kind are no task
    (shipped / "body" / CARD).write_text('{"format": 1}')
    models = Registry(tmp_path / "models", shipped)
    before = sorted(path.stat().st_mtime_ns for path in shipped.rglob("*"))
    assert models.tasks() == ["router"] and states(models) == {SHIPPED: ("shipped", True)}
    assert not (tmp_path / "models").exists()  # reading writes nothing
    models.promote("router", train(models), "better")
    assert states(models) == {SHIPPED: ("shipped", False), "v0001": ("promoted", True)}
    assert models.rollback("router") == SHIPPED
    models.promote("router", "v0001", "")
    models.promote("router", SHIPPED, "asked for")
    current = models.current("router")
    assert current is not None and current.version == SHIPPED and models.rollback("router") == "v0001"
    assert sorted(path.stat().st_mtime_ns for path in shipped.rglob("*")) == before
    assert Registry(tmp_path / "models", shipped).versions("body") == []


def test_a_server_notices_a_promotion_by_a_look_at_the_pointer(models):
    token = models.pointer_token("router")
    version = train(models)
    assert not models.changed_since(token)
    models.promote("router", version, "")
    assert models.changed_since(token)
    token = models.pointer_token("router")
    models.promote("router", version, "again")  # the same: nothing is written
    models.keep("router", train(models), "worse")
    assert not models.changed_since(token)


def test_a_promotion_does_not_overrule_one_made_since_the_comparison(models):
    first, second, third = train(models), train(models), train(models)
    models.promote("router", first, "")
    models.promote("router", second, "by hand")
    with pytest.raises(RegistryError, match="compare again"):
        models.promote("router", third, "better", instead_of=first)
    with pytest.raises(RegistryError, match="answers; run"):
        models.keep("router", second, "")
    current = models.current("router")
    assert current is not None and current.version == second


# --- damage ---


def damage_bytes(folder: Path) -> None:
    (folder / "model.safetensors").write_bytes(b"wEights")


def damage_size(folder: Path) -> None:
    (folder / "model.safetensors").write_bytes(b"w")


def damage_missing(folder: Path) -> None:
    (folder / "adapter" / "labels.json").unlink()


def damage_unlisted(folder: Path) -> None:
    (folder / "extra.safetensors").write_bytes(b"")


def damage_link(folder: Path) -> None:
    (folder / "model.safetensors").unlink()
    (folder / "model.safetensors").symlink_to("/etc/hostname")


def damage_no_card(folder: Path) -> None:
    (folder / CARD).unlink()


def damage_card_text(folder: Path) -> None:
    (folder / CARD).write_bytes(b"\x00\xff{")


def edit_card(**changes):
    def damage(folder: Path) -> None:
        card = json.loads((folder / CARD).read_text(encoding="utf-8"))
        for key, value in changes.items():
            card.pop(key) if value is None else card.update({key: value})
        (folder / CARD).write_text(json.dumps(card))

    return damage


DAMAGES = [
    (damage_bytes, "is damaged"), (damage_size, "is damaged"), (damage_missing, "lacks 'adapter/labels.json'"),
    (damage_unlisted, "'extra.safetensors', which its card does not list"), (damage_no_card, "no card.json|no version"),
    (damage_card_text, "cannot be read"), (edit_card(schema=99), "schema 99"), (edit_card(licence=None), "without 'licence'"),
    (edit_card(task="mood"), "is foreign here"), (edit_card(version="v0009"), "is foreign here"),
    (edit_card(files={"../v0001/model.safetensors": {"sha256": "", "size": 7}}), "leads elsewhere"),
    (edit_card(files={"/etc/passwd": {"sha256": "", "size": 7}}), "leads elsewhere"),
    (edit_card(files={"C:\\x": {"sha256": "", "size": 7}}), "leads elsewhere"),
    (edit_card(files=[]), "lists no files"), (edit_card(files={"a.pkl": {"sha256": "", "size": 1}}), "can run code"),
    (edit_card(created_at="yesterday"), "the time 'yesterday'"),
]  # fmt: skip
if os.name == "posix":
    DAMAGES.append((damage_link, "a link|is damaged"))


@pytest.mark.parametrize(("damage", "said"), DAMAGES)
def test_a_damaged_or_foreign_version_is_refused_in_one_line_and_the_other_still_answers(models, damage, said):
    models.promote("router", train(models), "")
    folder = models._folder / "router" / train(models)
    damage(folder)
    with pytest.raises(RegistryError, match=said) as raised:
        models.promote("router", "v0002", "better")
    assert "\n" not in str(raised.value)
    with pytest.raises(RegistryError):
        models.verify(folder)
    current = models.current("router")
    assert current is not None and current.version == "v0001"
    assert states(models).get("v0002", ("damaged", False))[1] is False
    models.versions("router")  # listing goes on


def test_a_version_of_another_task_is_foreign(models):
    train(models)
    other = train(models, "mood")
    (models._folder / "mood" / other).rename(models._folder / "router" / "v0007")
    assert states(models)["v0007"] == ("damaged", False)
    with pytest.raises(RegistryError, match="foreign"):
        models.promote("router", "v0007", "")
    assert train(models) == "v0008"


@pytest.mark.parametrize("content", [b"", b"\xff\xfe", b"../../etc\n", b"v0009\n"])
def test_a_damaged_pointer_is_an_error_with_a_remedy_that_works(models, content):
    first, second, third = train(models), train(models), train(models)
    for version in (first, second):
        models.promote("router", version, "")
    (models._folder / "router" / "CURRENT").write_bytes(content)
    with pytest.raises(RegistryError, match="copilot finetune rollback"):
        models.current("router")
    assert len(models.versions("router")) == 3
    assert models.rollback("router") == second  # by the log
    current = models.current("router")
    assert current is not None and current.version == second
    models.promote("router", third, "")
    assert models.rollback("router") == second


def test_a_file_manager_that_looked_does_no_harm(models):
    version = train(models)
    (models._folder / "router" / version / ".DS_Store").write_bytes(b"x")
    models.promote("router", version, "")
    current = models.current("router")
    assert current is not None and current.version == version


def test_a_torn_log_line_costs_only_itself(models):
    models.promote("router", train(models), "first")
    with (models._folder / "router" / "log.jsonl").open("ab") as file:
        file.write(b'{"time": "2026-01-01T00:0')
    models.keep("router", train(models), "worse")
    assert [d.what for d in models.decisions("router")][-1] == "kept"
    assert len(models.decisions("router")) == 4  # the next line began on its own


@pytest.mark.parametrize("name", ["router", "failure_mode", "a", "v1.2-x", "故障类型", "Störung", "जाँच", "x" * 120])
def test_usable_task_names(name):
    assert check_task_name(name) == name


@pytest.mark.parametrize(
    ("name", "better"),
    [("failure mode", "failure_mode"), ("../x", "x"), ("a/b", "a_b"), ("", "router"), (".hidden", "hidden"),
     ("a\n", "a"), ("CON", "router"), ("Ａ", "A"), ("故障 类型", "故障_类型"), ("x" * 121, "router"), ("a.", "a"), ("..", "router")],
)  # fmt: skip
def test_unusable_task_names_are_refused_with_a_usable_one(models, name, better):
    with pytest.raises(RegistryError, match="cannot be used") as raised:
        models.versions(name)
    assert repr(better) in str(raised.value)
    assert check_task_name(better)


@pytest.mark.parametrize("version", ["../v0001", "a/b", "", "v0001\n", "нет", "nul"])
def test_unusable_and_unknown_version_names(models, version):
    train(models)
    with pytest.raises(RegistryError, match="cannot be used"):
        models.promote("router", version, "")
    with pytest.raises(RegistryError, match="there are: v0001"):
        models.promote("router", "v0002", "")


def test_task_names_that_differ_in_capitals_only_are_one(models):
    train(models, "router")
    with pytest.raises(RegistryError, match="write 'router' instead of 'Router'"), models.stage("Router"):
        pass


# --- publishing ---


def test_a_card_must_be_whole_and_writable(models):
    for key in GIVEN:
        with models.stage("router") as staged, pytest.raises(RegistryError, match=f"lacks '{key}'"):
            (staged / "m.safetensors").write_bytes(b"x")
            models.publish("router", staged, {k: v for k, v in GIVEN_CARD.items() if k != key})
    for metrics in ({"f1": float("nan")}, {"f1": {1, 2}}):
        with models.stage("router") as staged, pytest.raises(RegistryError, match="cannot be written"):
            (staged / "m.safetensors").write_bytes(b"x")
            models.publish("router", staged, {**GIVEN_CARD, "metrics": metrics})
    with models.stage("router") as staged, pytest.raises(RegistryError, match="no files"):
        models.publish("router", staged, GIVEN_CARD)
    with models.stage("router") as staged, pytest.raises(RegistryError, match="run code"):
        (staged / "model.bin").write_bytes(b"x")
        models.publish("router", staged, GIVEN_CARD)
    with pytest.raises(RegistryError, match="not a folder staged"):
        models.publish("router", models._folder, GIVEN_CARD)
    assert models.versions("router") == []


def test_the_card_cannot_claim_another_task_or_files(models):
    version = train(models, task="router", files={}, schema=7)
    card = verify_folder(models._folder / "router" / version, "router", version)
    assert sorted(card["files"]) == ["adapter/labels.json", "model.safetensors"] and card["schema"] == 1


def test_a_training_that_fails_leaves_nothing_and_lets_the_next_one_in(models):
    with pytest.raises(ZeroDivisionError), models.stage("router") as staged:
        (staged / "half.safetensors").write_bytes(b"x")
        raise ZeroDivisionError
    assert [path.name for path in (models._folder / "router").iterdir() if path.is_dir()] == []
    train(models)


def test_a_second_training_of_a_task_is_told_at_once_and_another_task_is_free(models):
    with models.stage("router") as staged:
        with (
            pytest.raises(BusyTrainingError, match=f"Another training of task 'router' .* .process {os.getpid()}"),
            models.stage("router"),
        ):
            pass
        assert staged.is_dir()  # not swept by the one turned away
        train(models, "mood")
        answers = models.versions("router")  # reading needs no lock
        assert answers == []


def test_two_processes_one_trains_one_is_told(models):
    code = (
        "import sys; from pathlib import Path; from finetune.registry import Registry\n"
        "with Registry(Path(sys.argv[1])).stage('router') as staged:\n"
        "    (staged / 'x.safetensors').write_bytes(b'x'); print(staged.name, flush=True); sys.stdin.read()\n"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", code, str(models._folder)], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": str(REPOSITORY)},
    )  # fmt: skip
    assert process.stdout is not None
    name = process.stdout.readline().decode().strip()
    with pytest.raises(BusyTrainingError, match=f"process {process.pid}"), models.stage("router"):
        pass
    process.kill()
    process.communicate()
    left = models._folder / "router" / name
    assert left.is_dir()  # it was killed: nobody cleaned up
    train(models)
    assert not left.exists()


def test_many_promotions_at_once_leave_one_answer_and_every_reader_sees_one(models):
    versions = [train(models) for _ in range(4)]
    models.promote("router", versions[0], "")
    done = threading.Event()
    seen: list[str | None] = []

    def read() -> None:
        while not done.is_set():
            info = models.current("router")
            seen.append(info.version if info else None)

    def promote(version: str) -> None:
        for _ in range(5):
            models.promote("router", version, "")

    reader = threading.Thread(target=read)
    reader.start()
    writers = [threading.Thread(target=promote, args=(version,)) for version in versions]
    for thread in writers:
        thread.start()
    for thread in writers:
        thread.join()
    done.set()
    reader.join()
    assert set(seen) <= set(versions)
    promoted = [d.version for d in models.decisions("router") if d.what == "promoted"]
    current = models.current("router")
    assert current is not None and current.version == promoted[-1]
    history = (models._folder / "router" / "CURRENT").read_text().split()
    assert history == promoted[::-1]


def test_pruning_keeps_what_answers_what_may_and_what_waits(models):
    models.promote("router", train(models), "")
    for _ in range(4):
        models.keep("router", train(models), "worse")
    waiting = train(models)
    models.promote("router", train(models), "")
    assert models.prune("router", keep=1) == ["v0002", "v0003", "v0004"]
    assert list(states(models)) == ["v0001", "v0005", waiting, "v0007"]
    assert models.rollback("router") == "v0001" and train(models) == "v0008"


# --- a full disk, a crash ---


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
def test_a_disk_that_fills_up_during_training_is_one_line_and_nothing_is_lost(models):
    models.promote("router", train(models), "")
    with (
        pytest.raises(RegistryError, match="disk is full") as raised,
        models.stage("router"),
        open("/dev/full", "wb") as file,
    ):
        file.write(b"x" * 100_000)
    assert "\n" not in str(raised.value)
    current = models.current("router")
    assert current is not None and current.version == "v0001" and list(states(models)) == ["v0001"]
    with pytest.raises(RegistryError, match="disk is full"), models.stage("router"):
        raise RuntimeError(
            "I/O error: No space left on device (os error 28)"
        )  # as a library of another language says it


@pytest.mark.parametrize("step", ["publish", "promote", "keep"])
def test_a_disk_that_is_full_at_a_change_leaves_the_old_version(models, monkeypatch, step):
    models.promote("router", train(models), "")
    second = train(models)

    def full(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(durable.os, "fsync", full)
    with pytest.raises(RegistryError, match="disk is full"):
        if step == "publish":
            train(models)
        elif step == "promote":
            models.promote("router", second, "")
        else:
            models.keep("router", second, "worse")
    monkeypatch.undo()
    current = models.current("router")
    assert current is not None and current.version == "v0001"
    assert list(states(models)) == ["v0001", "v0002"]
    models.promote("router", second, "")


def die_at(step: int, work) -> bool:
    """Run `work` in a child that is killed just after its `step`-th step on disk; whether it was killed."""
    pid = os.fork()
    if pid == 0:
        left = [step]

        def counted(call):
            def wrapped(*args, **kwargs):
                result = call(*args, **kwargs)
                left[0] -= 1
                if left[0] == 0:
                    os.kill(os.getpid(), signal.SIGKILL)
                return result

            return wrapped

        try:
            for name in ("fsync", "replace", "rename"):
                setattr(os, name, counted(getattr(os, name)))
            Path.open = counted(Path.open)  # killed with the file emptied and nothing written yet
            for name in ("append_json", "write_text", "seal"):
                setattr(registry, name, counted(getattr(registry, name)))
            work()
            os._exit(0)
        except BaseException:
            os._exit(1)
    _, status = os.waitpid(pid, 0)
    assert not os.WIFEXITED(status) or os.WEXITSTATUS(status) == 0
    return os.WIFSIGNALED(status)


@posix
@pytest.mark.parametrize("what", ["publish", "promote", "rollback"])
def test_killed_at_any_point_the_old_or_the_new_version_answers_whole(tmp_path, what):
    steps = 0
    while True:
        models = Registry(tmp_path / f"models{steps}")
        for _ in range(2):
            models.promote("router", train(models), "")
        third = train(models)

        def work(models: Registry = models, third: str = third) -> None:
            if what == "publish":
                models.promote("router", train(models), "better")
            elif what == "promote":
                models.promote("router", third, "better")
            else:
                models.rollback("router")

        steps += 1
        killed = die_at(steps, work)
        current = models.current("router")
        assert current is not None
        models.verify(current.folder)
        new = {"publish": "v0004", "promote": "v0003", "rollback": "v0001"}[what]
        assert current.version in {"v0002", new}
        assert killed or current.version == new
        for info in models.versions("router"):  # whatever is listed is whole
            assert info.state != "damaged"
            models.verify(info.folder)
        before = {"v0002": "v0001", "v0003": "v0002", "v0004": "v0002"}.get(current.version)
        if before is not None:
            assert models.rollback("router") == before
        fresh = train(models)  # the next training is not in its way, and takes no name twice
        models.promote("router", fresh, "")
        assert not list((models._folder / "router").glob("staging-*"))
        if not killed:
            break
    assert steps > 5
