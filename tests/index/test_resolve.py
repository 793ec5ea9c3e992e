from __future__ import annotations

from semctxd.index.live import LiveIndex
from semctxd.index.resolve import Resolver, Value
from tests.index.conftest import Grow

FILES = {
    "pkg/__init__.py": "from .models import Model as Exported\nfrom .star import *\nfrom . import tools\n",
    "pkg/star.py": "def starred(): pass\n",
    "pkg/tools.py": (
        "from pkg.models import Model\nimport pkg.models as models\nimport pkg.star\nimport json\n"
        "default = Model()\nalias = Model\n"
        "def make(name) -> Model:\n    return Model(name)\n"
        "def guess():\n    return make('x')\n"
        "def loop():\n    return loop()\n"
    ),
    "pkg/models.py": (
        "from .tools import make\nfrom .base import Base\n"
        "class Manager:\n    def all(self): pass\n    def one(self) -> 'Model': pass\n"
        "class Model(Base):\n"
        "    objects = Manager()\n"
        "    kind: Manager\n"
        "    def __init__(self, parent: 'Model | None' = None):\n"
        "        self.parent = parent\n"
        "        self.manager: Manager = None\n"
        "        self.own = self.own\n"
        "        self.made = make('y')\n"
        "    @property\n    def first(self) -> Manager: ...\n"
        "    def save(self):\n"
        "        super().save()\n"
        "        self.check(self)\n"
        "        self.objects.all()\n"
        "        self.manager.one().inherited()\n"
        "        self.first.all()\n"
        "        self.made.check()\n"
        "        self.kind.all()\n"
        "    def check(self, other): pass\n"
        "    @classmethod\n    def build(cls):\n        return cls.objects\n"
    ),
    "pkg/base.py": "from pkg.models import Model\nclass Base(Model):\n    def save(self): pass\n"
    "    def inherited(self): pass\n",
    "user.py": (
        "import pkg.models\nfrom pkg import Exported, starred, tools\nfrom pkg.tools import default, alias\n"
        "import missing\n"
        "def use(model: Exported, other):\n"
        "    from pkg.models import Manager\n"
        "    local = Manager()\n"
        "    local.all()\n"
        "    model.check(other)\n"
        "    starred()\n"
        "    tools.make().save()\n"
        "    pkg.models.Model.build()\n"
        "    default.check()\n"
        "    alias.check\n"
        "    tools.default.check()\n"
        "    with tools.guess() as guessed:\n        guessed.inherited()\n"
        "    use()\n    missing.thing()\n    other.check()\n    tools.nothing()\n    nobody\n"
        "    other = other\n"
        "    model.parent.objects\n"
        "    model.check.deeper\n"
    ),
}  # fmt: skip


def uses(live: LiveIndex, path: str, qualname: str, hidden: str = "") -> list[str]:
    resolver = live.resolver(named(live, "pkg/models.py", hidden) if hidden else 0)
    return [live.store.symbols[id].qualname for id in resolver.uses(named(live, path, qualname))]


def named(live: LiveIndex, path: str, qualname: str) -> int:
    found = live.resolver().named(path, qualname)
    assert found is not None
    return found


def test_uses_are_followed_through_imports_types_and_calls(grow: Grow) -> None:
    assert uses(grow(FILES), "user.py", "use") == [
        "Manager", "Manager.all", "Model.check", "starred", "make", "Model.save", "Model", "Model.build",
        "default", "alias", "guess",
        "Base.inherited", "Model.objects",
    ]  # fmt: skip


def test_methods_see_their_class_its_bases_and_its_attributes(grow: Grow) -> None:
    assert uses(grow(FILES), "pkg/models.py", "Model.save") == [
        "Base.save", "Model.check", "Model.objects", "Manager.all", "Manager.one", "Base.inherited",
        "Model.first", "Model.kind",
    ]  # fmt: skip
    assert uses(grow(FILES), "pkg/models.py", "Model.build") == ["Model.objects"]


def test_what_is_hidden_is_not_believed(grow: Grow) -> None:
    live = grow(FILES)
    assert "Model.objects" in uses(live, "user.py", "use")
    assert "Model.objects" not in uses(
        live, "user.py", "use", hidden="Model.__init__"
    )  # model.parent is known from there alone
    assert uses(live, "pkg/models.py", "Model.save", hidden="Model.save") == []


def test_circles_end(grow: Grow) -> None:
    live = grow(FILES)
    resolver = live.resolver()
    assert resolver.returns(named(live, "pkg/tools.py", "loop")) == []
    assert [live.store.symbols[id].name for id in resolver.mro(named(live, "pkg/models.py", "Model"))] == [
        "Model",
        "Base",
    ]
    assert resolver.attribute(named(live, "pkg/models.py", "Model"), "own") == []
    circle = grow({"a.py": "from b import x\n", "b.py": "from a import x\n", "c.py": "from a import x\ndef f(): x\n"})
    assert uses(circle, "c.py", "f") == []


def test_names_used_hold_what_is_not_resolved_too(grow: Grow) -> None:
    live = grow({"a.py": "def f(x):\n    return x.deep.er() + g\n"})
    assert live.resolver().names_used(named(live, "a.py", "f")) == {"x", "deep", "er", "g"}


def test_what_the_hidden_function_alone_says_is_not_said(grow: Grow) -> None:
    live = grow({"a.py": "def f(): one(two)\ndef g(): two()\n", "b.py": "def h(): one()\n"})
    names = ("one", "two", "three")
    assert [live.resolver().said(name) for name in names] == [2, 1, 0]
    hidden = live.resolver(named(live, "a.py", "f"))
    assert [hidden.said(name) for name in names] == [1, 1, 0]


def test_members_and_attributes_of_a_class(grow: Grow) -> None:
    live = grow(FILES)
    resolver = live.resolver()
    model = named(live, "pkg/models.py", "Model")
    assert set(resolver.all_members(model)) == {
        "objects", "kind", "__init__", "first", "save", "check", "build", "inherited",
    }  # fmt: skip
    assert resolver.attribute_names(model) == ["objects", "kind", "parent", "manager", "own", "made"]
    manager = Value("instance", named(live, "pkg/models.py", "Manager"))
    assert resolver.attribute(model, "manager") == resolver.attribute(model, "kind") == [manager]


def test_static_chains_stop_where_nothing_is_known(grow: Grow) -> None:
    resolver: Resolver = grow(FILES).resolver()
    assert resolver.static("pkg.models.Model.nothing", "user.py") is None
    assert resolver.static("pkg.nothing.more", "user.py") is None
    assert resolver.static("starred.more", "user.py") is None
    assert resolver.static("default", "nowhere.py") is None


def test_a_star_brings_what_the_other_module_has_imported(grow: Grow) -> None:
    live = grow(
        {
            "a.py": "def f(): pass\n",
            "b.py": "from a import *\nfrom a import f\nfrom c import *\n",
            "c.py": "from b import *\ndef own(): f()\n",
        }
    )
    assert uses(live, "c.py", "own") == ["f"]


def test_what_is_found_does_not_depend_on_what_was_asked_before(grow: Grow) -> None:
    steps = "".join(f"def f{number}():\n    return f{number + 1}()\n" for number in range(8))
    source = (
        f"{steps}def f8():\n    return C()\nclass C:\n    def end(self): pass\n"
        "def far():\n    f0().end()\ndef near():\n    f7().end()\n"
        "class A(B.Inner):\n    class Inner: pass\nclass B(A.Inner):\n    class Inner: pass\n"
    )
    assert uses(grow({"a.py": source}), "a.py", "far") == ["f0"]  # too far to follow
    live = grow({"a.py": source})
    assert uses(live, "a.py", "near") == ["f7", "C.end"]
    for number in range(7, -1, -1):
        live.resolver().returns(named(live, "a.py", f"f{number}"))
    assert uses(live, "a.py", "far") == ["f0"]
    assert len(live.resolver().mro(named(live, "a.py", "A"))) == 2


def test_very_long_detours_are_given_up(grow: Grow) -> None:
    steps = "".join(f"    v{number} = v{number + 1}\n" for number in range(9))
    live = grow({"a.py": f"class A:\n    def m(self): pass\ndef f():\n    v9 = A()\n{steps}    v0.m()\n    v8.m()\n"})
    assert uses(live, "a.py", "f") == ["A", "A.m"]
