#!/bin/sh
# Make .venv ready: find Python 3.10, create the environment, install the pinned packages and this project into it.
# A stamp in .venv tells a finished set-up from a missing, outdated or interrupted one; a second run does nothing.
# DEPTH_PYTHON names the interpreter to use. PIP_* and UV_* settings are left as they are.
set -eu
cd "$(dirname "$0")/.."

stamp=.venv/.depth-snn-ready
started=.venv/.depth-snn-installing
extras='.[snn,lava,train,search,dev]'

say() { printf 'set-up: %s\n' "$1" >&2; }
die() { say "$1"; exit 1; }

# The folder is part of the stamp because an editable install points to it.
wanted=$( (pwd -P; cat pyproject.toml constraints.txt scripts/bootstrap.sh) | git hash-object --stdin)
if [ -f "$stamp" ] && [ ! -e "$started" ] && [ "$(cat "$stamp")" = "$wanted" ] && [ -x .venv/bin/python ]; then
    exit 0
fi

# A version manager's shim can exist and fail, so an interpreter counts only when it runs.
is_310() {
    [ -n "$1" ] && command -v "$1" >/dev/null 2>&1 &&
        "$1" -c 'import sys; sys.exit(sys.version_info[:2] != (3, 10))' >/dev/null 2>&1
}

find_310() {
    if is_310 python3.10; then command -v python3.10; return 0; fi
    for found in "${PYENV_ROOT:-$HOME/.pyenv}"/versions/3.10*/bin/python3.10; do
        if is_310 "$found"; then printf '%s\n' "$found"; return 0; fi
    done
    if command -v uv >/dev/null 2>&1; then
        found=$(uv python find --system 3.10 2>/dev/null || true)
        if is_310 "$found"; then printf '%s\n' "$found"; return 0; fi
    fi
    for found in python3 python; do
        if is_310 "$found"; then command -v "$found"; return 0; fi
    done
    return 1
}

if [ -n "${DEPTH_PYTHON:-}" ]; then
    is_310 "$DEPTH_PYTHON" || die "DEPTH_PYTHON=$DEPTH_PYTHON does not run as Python 3.10; point it at a Python 3.10 interpreter"
    python=$DEPTH_PYTHON
elif ! python=$(find_310); then
    die "Python 3.10 not found (Lava needs exactly it): get it with \`uv python install 3.10\`, \`pyenv install 3.10\` or your system's python3.10 package, or set DEPTH_PYTHON; the core without Lava installs on newer Python with: python3 -m venv .venv-core && .venv-core/bin/pip install -e '.[snn]'"
fi

# Start anew where an earlier set-up was cut short or the environment does not run; somebody's own one is left alone.
if [ ! -e "$started" ] && ! is_310 .venv/bin/python && .venv/bin/python -c '' >/dev/null 2>&1; then
    die ".venv holds another Python than 3.10; move it away, or use it by hand: .venv/bin/depth-snn"
fi
if [ -e "$started" ] || { [ -e .venv ] && ! is_310 .venv/bin/python; }; then
    say "removing an unfinished or unusable .venv"
    rm -rf .venv
fi

fresh=true
[ ! -e .venv ] || fresh=false
mkdir -p .venv
: >"$started"
rm -f "$stamp"
if $fresh; then
    say "creating .venv with $python"
    # Debian packages Python without ensurepip; uv can do without it.
    "$python" -m venv .venv >/dev/null 2>&1 ||
        { command -v uv >/dev/null 2>&1 && uv venv --quiet --allow-existing --python "$python" .venv; } ||
        die "$python cannot create environments: install its venv package (Debian, Ubuntu: python3.10-venv) or uv"
fi

say "installing pinned packages (the first time this downloads several GB, most of it torch)"
if command -v uv >/dev/null 2>&1; then
    uv=uv
else
    uv=.venv/bin/uv
    [ -x "$uv" ] || .venv/bin/python -m pip install --quiet uv || uv=
fi
if [ -z "$uv" ] || ! "$uv" pip install --python .venv/bin/python -c constraints.txt -e "$extras"; then
    say "uv is not usable here; installing with pip (slower)"
    .venv/bin/python -m pip --version >/dev/null 2>&1 || .venv/bin/python -m ensurepip >/dev/null
    .venv/bin/python -m pip install -c constraints.txt -e "$extras"
fi

rm -f "$started"
printf '%s\n' "$wanted" >"$stamp"
say "ready"
