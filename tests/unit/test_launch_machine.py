"""What control groups allow, from canned files."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from advisor.agent.meter import available_bytes
from advisor.observe.cgroup import Limits, cgroup_limits, memory_groups
from advisor.observe.machine import detect


def lay_out(root: Path, files: dict[str, str]) -> Path:
    for name, text in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)
    return root


@pytest.mark.parametrize(
    ("files", "limits"),
    [
        ({}, Limits()),
        ({"proc/self/cgroup": "0::/\n"}, Limits()),
        (
            {
                "proc/self/cgroup": "0::/user.slice/app\n",
                "sys/fs/cgroup/user.slice/app/cpu.max": "150000 100000\n",
                "sys/fs/cgroup/user.slice/app/memory.max": "max\n",
                "sys/fs/cgroup/user.slice/cpu.max": "max 100000\n",
                "sys/fs/cgroup/user.slice/memory.max": "2000000000\n",
            },
            Limits(cpus=1.5, memory_bytes=2_000_000_000),
        ),
        (
            {
                "proc/self/cgroup": "0::/outer/inner\n",
                "sys/fs/cgroup/outer/inner/cpu.max": "400000 100000\n",
                "sys/fs/cgroup/outer/cpu.max": "200000 100000\n",
            },
            Limits(cpus=2.0),
        ),
        (
            {  # a container that sees its own group as the top, and the host's path
                "proc/self/cgroup": "0::/docker/0123\n",
                "sys/fs/cgroup/cpu.max": "50000 100000\n",
                "sys/fs/cgroup/memory.max": "512000000\n",
            },
            Limits(cpus=0.5, memory_bytes=512_000_000),
        ),
        (
            {
                "proc/self/cgroup": "4:cpu,cpuacct:/job\n3:memory:/job\n1:name=systemd:/job\n",
                "sys/fs/cgroup/cpu,cpuacct/job/cpu.cfs_quota_us": "250000\n",
                "sys/fs/cgroup/cpu,cpuacct/job/cpu.cfs_period_us": "100000\n",
                "sys/fs/cgroup/memory/job/memory.limit_in_bytes": "1000000000\n",
                "sys/fs/cgroup/memory/memory.limit_in_bytes": "9223372036854771712\n",
            },
            Limits(cpus=2.5, memory_bytes=1_000_000_000),
        ),
        (
            {
                "proc/self/cgroup": "4:cpu,cpuacct:/job\n",
                "sys/fs/cgroup/cpu,cpuacct/job/cpu.cfs_quota_us": "-1\n",
                "sys/fs/cgroup/cpu,cpuacct/job/cpu.cfs_period_us": "100000\n",
            },
            Limits(),
        ),
    ],
    ids=["no groups", "top", "version 2", "tightest above", "container", "version 1", "version 1 without limit"],
)
def test_tightest_limit_counts(files: dict[str, str], limits: Limits, tmp_path: Path):
    assert cgroup_limits(lay_out(tmp_path, files)) == limits


def test_this_machine():
    machine = detect(sys.executable)
    assert 1 <= machine.usable_cpus <= machine.cpus
    assert 0 < machine.available_bytes <= machine.memory_bytes
    assert machine.python == ".".join(map(str, sys.version_info[:3]))


@pytest.mark.parametrize(
    "files",
    [
        {
            "memory.max": "1000000000\n",
            "memory.current": "700000000\n",
            "memory.stat": "anon 1\ninactive_file 200000000\n",
        },
        {
            "memory.limit_in_bytes": "1000000000\n",
            "memory.usage_in_bytes": "700000000\n",
            "memory.stat": "inactive_file 1\ntotal_inactive_file 200000000\n",
        },
    ],
    ids=["version 2", "version 1"],
)
def test_file_pages_of_a_group_can_be_dropped(files: dict[str, str], tmp_path: Path):
    version_1 = "memory.limit_in_bytes" in files
    top = "sys/fs/cgroup/memory/job/" if version_1 else "sys/fs/cgroup/job/"
    membership = {"proc/self/cgroup": "3:memory:/job\n" if version_1 else "0::/job\n"}
    (group,) = memory_groups(lay_out(tmp_path, membership | {top + name: text for name, text in files.items()}))
    assert group.free_bytes() == 500_000_000
    assert available_bytes([(group.limit_bytes, str(group.folder))]) == 500_000_000
