"""Installs Rondo by the run book's own lines, in a namespace of its own, and starts it as systemd would: as the unit's user.

    unshare --mount --net --pid --fork --kill-child --mount-proc python3 install.py ROOT TIMES SCRATCH SEED

What needs a running systemd is replaced: `systemctl enable --now` by the units' ExecStart, StateDirectory and LoadCredential.
"""

import fcntl
import itertools
import json
import os
import random
import re
import shutil
import signal
import socket
import struct
import subprocess
import sys
import time
import urllib.error
import urllib.request

ROOT, TIMES = sys.argv[1], int(sys.argv[2])
SCRATCH = sys.argv[3]
DICE = random.Random(int(sys.argv[4]))
NUMBERS = itertools.count()
ROLES = ["ledger", "scheduler", "reminder", "validator", "publisher", "gateway"]
BOUND = 600  # tries of a tenth of a second: as long as a slow machine needs


def run(*args, **more):
    return subprocess.run(args, check=True, **more)


def enter():
    """A machine of its own, as far as the installation can tell: /etc, /var/lib, /run and /usr/local are private."""
    run("mount", "-t", "tmpfs", "tmpfs", SCRATCH)
    os.mkdir(f"{SCRATCH}/etc")
    run("cp", "-a", "/etc/.", f"{SCRATCH}/etc")
    run("mount", "--bind", f"{SCRATCH}/etc", "/etc")
    for place in ["/var/lib", "/usr/local", "/run", "/mnt"]:
        run("mount", "-t", "tmpfs", "-o", "mode=755", "tmpfs", place)
    os.mkdir("/usr/local/bin")
    os.chmod(SCRATCH, 0o755)
    # Loopback is down in a new namespace (ioctl SIOCGIFFLAGS, SIOCSIFFLAGS; IFF_UP).
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as plain:
        flags = fcntl.ioctl(plain, 0x8913, struct.pack("16sh22x", b"lo", 0))
        fcntl.ioctl(plain, 0x8914, struct.pack("16sh22x", b"lo", struct.unpack("16sh22x", flags)[1] | 1))


def chapter(title):
    """The text of a chapter of the run book."""
    text = open(f"{ROOT}/deploy/RUNBOOK.md", encoding="utf-8").read()
    return text.split(f"\n## {title}\n", 1)[1].split("\n## ", 1)[0]


def commands(title):
    """The commands of a chapter, as one script."""
    body = chapter(title)
    return [line.strip() if not line.startswith("         ") else line for line in body.split("\n") if line.startswith("    ")]


def follow(title):
    """Does what a chapter says. The program is built already; what systemctl would do is done by `start`."""
    lines = commands(title)
    asked = [line for line in lines if "systemctl " in line]
    lines = [line for line in lines if not re.match(r"(.* )?(systemctl|systemd-run) |cargo ", line)]
    run("bash", "-euc", "\n".join(lines), cwd=ROOT)
    return asked


def unit(name):
    """The settings of a unit's [Service], with %i put in; a setting that is there twice is joined."""
    stem, at, instance = name.removesuffix(".service").partition("@")
    found = {}
    for line in open(f"/etc/systemd/system/{stem}{at}.service", encoding="utf-8"):
        if "=" in line and not line.startswith("#"):
            key, value = line.strip().split("=", 1)
            found[key] = f"{found.get(key, '')} {value.replace('%i', instance)}".strip()
    return found


class Service:
    def __init__(self, name, data=None, user=None):
        self.name, settings = name, unit(name)
        user = user or settings["User"]
        folder = f"/var/lib/{settings['StateDirectory']}"
        if not data:
            run("install", "-d", "-o", user, "-g", user, "-m", settings["StateDirectoryMode"], folder)
        given = f"/run/credentials/{name}"
        word, source = settings["LoadCredential"].split(":")
        shutil.rmtree(given, ignore_errors=True)
        run("install", "-d", "-o", user, "-g", user, "-m", "500", given)
        for secret in os.listdir(source):
            run("install", "-o", user, "-g", user, "-m", "400", f"{source}/{secret}", f"{given}/{word}_{secret}")
        self.told = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        address = f"{SCRATCH}/notify-{name}-{next(NUMBERS)}"
        self.told.bind(address)
        os.chmod(address, 0o777)
        command = settings["ExecStart"].split()
        if data:
            command[command.index("--data") + 1] = data
        environment = {"PATH": os.environ["PATH"], "NOTIFY_SOCKET": address, "WATCHDOG_USEC": "300000",
                       "CREDENTIALS_DIRECTORY": given}
        assert settings["Type"] == "notify" and int(settings["WatchdogSec"]) > 0, settings
        as_user = ["setpriv", f"--reuid={user}", f"--regid={user}", "--clear-groups", "--no-new-privs"]
        self.log = open(f"{SCRATCH}/{name}.log", "ab")
        self.process = subprocess.Popen(as_user + command, env=environment, stderr=self.log, stdout=self.log, cwd="/")

    def hears(self, word):
        """Waits until the service has told its manager this."""
        self.told.settimeout(0.1)
        for _ in range(BOUND):
            assert self.process.poll() is None or word == b"STOPPING=1", f"{self.name} ended: {self.words()}"
            try:
                if word in self.told.recv(4096):
                    return
            except TimeoutError:
                pass
        raise AssertionError(f"{self.name} does not say {word}: {self.words()}")

    def words(self):
        return open(self.log.name, encoding="utf-8").read()[-2000:]

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        self.hears(b"STOPPING=1")
        assert self.process.wait(60) == 0, f"{self.name}: {self.words()}"


def asked(path):
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:8080{path}", timeout=10) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as answer:
        return answer.code, answer.read().decode()


def health(processes):
    """Waits until every role is at the end of the log, and requires that all is well then; with the number of each role's process."""
    for _ in range(BOUND):
        status, text = asked("/health")
        told = json.loads(text)
        known = told.get("roles", {})
        there = all(role in known and known[role]["position"] is not None and known[role]["lag"] == 0 for role in processes)
        if there and told["log"]["signed_at"]:
            break
        time.sleep(0.1)
    assert (status, told["status"], told["alarms"]) == (200, "ok", []), told
    for role in ROLES[:5]:
        # Who is silent would be an alarm.
        assert known[role]["version"] and known[role]["process"] == processes[role], (known, processes)
    assert told["log"]["disk_free"] > 0 and told["log"]["signed_at"], told
    assert told["mail"]["oldest_waiting"] is None and told["program"]["version"], told


def metrics():
    """Reads the numbers as Prometheus does."""
    from prometheus_client.parser import text_string_to_metric_families

    status, text = asked("/metrics")
    found = {family.name: family.samples for family in text_string_to_metric_families(text)}
    assert status == 200
    lag = {sample.labels["role"]: sample.value for sample in found["rondo_role_lag_records"]}
    assert set(ROLES[:5]) <= set(lag) and not any(lag.values()), lag
    alarms = {sample.labels["code"]: sample.value for sample in found["rondo_alarm"]}
    table = re.findall(r"^\| `([a-z-]+)` \|", chapter("Watching"), re.M)
    assert not any(alarms.values()) and set(alarms) == set(table), (alarms, table)
    for name in ["rondo_ledger_reachable", "rondo_mail", "rondo_mail_oldest_waiting_seconds", "rondo_role_age_seconds",
                 "rondo_signed_timestamp_seconds", "rondo_unsigned_records", "rondo_disk_free_bytes", "rondo_build_info",
                 "process_resident_memory_bytes", "process_open_fds"]:
        assert name in found, f"{name} is not in {sorted(found)}"


def alone():
    assert follow("Alone on one machine") == ["systemctl enable --now rondo"]
    service = Service("rondo.service")
    service.hears(b"READY=1")
    service.hears(b"WATCHDOG=1")
    health(dict.fromkeys(ROLES, service.process.pid))
    metrics()
    service.stop()
    page = open("/etc/rondo/rondo.toml", encoding="utf-8").read()
    open("/etc/rondo/rondo.toml", "a", encoding="utf-8").write("\n[nonsense]\n")
    wrong = Service("rondo.service")
    assert str(wrong.process.wait(60)) in unit("rondo.service")["RestartPreventExitStatus"].split(), wrong.words()
    open("/etc/rondo/rondo.toml", "w", encoding="utf-8").write(page)


def a_home_and_a_disk():
    """A home that has what /etc/skel puts there is empty; a backup and a restore need nothing but their own place."""
    os.makedirs("/etc/skel", exist_ok=True)
    open("/etc/skel/.profile", "a").close()
    run("useradd", "--system", "--home-dir", "/var/lib/home", "--create-home", "homely")
    service = Service("rondo.service", data="/var/lib/home", user="homely")
    service.hears(b"READY=1")
    service.stop()
    os.makedirs("/mnt/disk")
    run("mount", "-t", "tmpfs", "tmpfs", "/mnt/disk")
    os.mkdir("/mnt/disk/lost+found", 0o700)
    run("chown", "homely", "/mnt/disk")
    run("install", "-d", "-o", "homely", "/var/lib/restored", "/mnt/disk/files")
    rondo = ["setpriv", "--reuid=homely", "--regid=homely", "--clear-groups", "rondo"]
    run(*rondo, "--data", "/var/lib/home", "backup", "--out", "/mnt/disk/files/b.tar")
    run(*rondo, "--data", "/var/lib/restored", "restore", "--from", "/mnt/disk/files/b.tar")
    os.remove("/mnt/disk/files/b.tar")
    os.rmdir("/mnt/disk/files")
    run(*rondo, "--data", "/var/lib/home", "backup", "--out", "/mnt/disk")
    assert sorted(os.listdir("/mnt/disk")) == ["checkpoint", "files", "journal", "log.json", "log.vkey", "lost+found"]
    assert sorted(os.listdir("/var/lib/restored")) == ["checkpoint", "files", "journal", "log.json", "log.vkey", "restored"]
    assert sorted(os.listdir("/var/lib")) == ["home", "restored", "rondo"], os.listdir("/var/lib")


def broker():
    environment = dict(os.environ)
    for line in open("/etc/rondo/nats.env", encoding="utf-8"):
        name, value = line.strip().split("=", 1)
        environment[name] = value.strip('"')
    log = open(f"{SCRATCH}/nats.log", "ab")
    command = [f"{ROOT}/target/tools/nats-server", "-c", f"{ROOT}/deploy/nats.conf"]
    process = subprocess.Popen(command, env=environment, stderr=log, stdout=log)
    for _ in range(BOUND):
        with socket.socket() as plain:
            if plain.connect_ex(("127.0.0.1", 4222)) == 0:
                return process
        time.sleep(0.1)
    raise AssertionError("the broker does not listen")


def role_commands():
    """What the run book gives as commands with six services, as those users; and that nobody else is told of a name."""
    script = "\n".join(commands("Commands with six services"))
    # What sudo does, without asking; root may do it by itself.
    script = re.sub(r"sudo -u (\S+) ", r"setpriv --reuid=\1 --regid=\1 --clear-groups ", script)
    done = subprocess.run(["bash", "-euc", script], capture_output=True, text=True, cwd="/")
    assert done.returncode == 0, done.stdout + done.stderr
    for told in ["lao-one is in the register /var/lib/rondo-reminder/people.toml", "lao-one is erased",
                 "Every inbound mail was understood", "2. bytes:      good", "look: no register of people is here"]:
        assert told in done.stdout, f"{told}: {done.stdout}{done.stderr}"
    register = "/var/lib/rondo-reminder/people.toml"
    assert "Boua" not in open(register, encoding="utf-8").read()
    owner = os.stat(register)
    assert owner.st_uid == os.stat("/var/lib/rondo-reminder").st_uid and owner.st_mode & 0o777 == 0o600, owner
    registers = [path for path in ROLES if os.path.exists(f"/var/lib/rondo-{path}/people.toml")]
    assert registers == ["reminder"] and os.path.exists("/mnt/backup/first/journal"), registers


def six(data=None):
    """The six roles in an order that chance gives; with `data`, all on one directory."""
    bus, order = broker(), DICE.sample(ROLES, 6)
    services = {}
    for role in order:
        user = "rondo-ledger" if data else None
        services[role] = Service(f"rondo@{role}.service", data=data, user=user)
        time.sleep(DICE.random() / 5)
    try:
        for service in services.values():
            service.hears(b"READY=1")
        health({role: service.process.pid for role, service in services.items()})
        if not data:
            metrics()
            role_commands()
    except AssertionError as error:
        raise AssertionError(f"started as {order}: {error}") from error
    for role in order:
        services[role].stop()
    bus.terminate()
    bus.wait(60)


def units():
    """Every unit gives the program little (systemd-analyze: 3.0 of 10 at the most), and says nothing that systemd does not know."""
    folder = f"{SCRATCH}/units"
    os.mkdir(folder)
    names = ["rondo.service", "rondo@.service"]
    for name in names:
        shutil.copy(f"/etc/systemd/system/{name}", folder)
        told = run("systemd-analyze", "security", "--offline=yes", "--no-pager", "--threshold=30", f"{folder}/{name}",
                   capture_output=True, text=True).stdout
        print([line for line in told.splitlines() if "Overall" in line])
    text = open(f"{folder}/rondo.service", encoding="utf-8").read()
    for needed in ["CapabilityBoundingSet=\n", "SystemCallFilter=", "LimitCORE=0", "MemoryMax=", "LoadCredential="]:
        assert needed in text, needed
    for name in names:
        # What a start anew cannot mend is not tried again for ever: every status of the run book but 0, 1 and 75.
        kept = unit(name)["RestartPreventExitStatus"].split()
        table = re.findall(r"^\| ([0-9]+) \|", chapter("How the program ends"), re.M)
        assert kept == [status for status in table if status not in ["0", "1", "75"]], (kept, table)
    checked = subprocess.run(["systemd-analyze", "verify", "/etc/systemd/system/rondo.service"], capture_output=True, text=True)
    assert "Unknown" not in checked.stderr and "Failed to parse" not in checked.stderr, checked.stderr


def compose():
    """Each role in its container has its user, a volume that is that user's, its page and its password, and nobody else's."""
    import yaml

    services = yaml.safe_load(open(f"{ROOT}/deploy/compose.yaml", encoding="utf-8"))
    image = open(f"{ROOT}/deploy/Containerfile", encoding="utf-8").read()
    seen = set()
    for role in ROLES:
        service = services["services"][role]
        command = service["command"]
        assert service["user"] == f"rondo-{role}" and f" rondo-{role}" in image, service
        assert command[:2] == ["run", role] and service["read_only"] and service["cap_drop"] == ["ALL"], service
        mounts = [mount.split(":") for mount in service["volumes"]]
        writable = [mount for mount in mounts if mount[-1] != "ro"]
        assert [mount[1] for mount in writable] == [command[command.index("--data") + 1]] == [f"/var/lib/rondo-{role}"], mounts
        assert writable[0][0] in services["volumes"], writable
        pages = [mount[0] for mount in mounts if mount[-1] == "ro"]
        assert pages == [f"./config/{role}.toml"] and command[command.index("--config") + 1] == f"/etc/rondo/{role}.toml", pages
        secrets = [services["secrets"][secret["source"]]["file"] for secret in service["secrets"]]
        assert secrets == [f"./secrets/{role}/bus"] and "env_file" not in service and "environment" not in service, secrets
        seen.update([service["user"], writable[0][0], *pages, *secrets])
    assert len(seen) == 4 * len(ROLES), seen


enter()
follow("Installing")
units()
compose()
alone()
a_home_and_a_disk()
follow("As six services over NATS")
six()
for turn in range(TIMES):
    shared = f"/var/lib/shared-{turn}"
    run("install", "-d", "-o", "rondo-ledger", "-g", "rondo-ledger", "-m", "700", shared)
    six(shared)
print("installed")
