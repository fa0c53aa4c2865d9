# Helpers of .ci/run, which sets WORK. Sourced, not run.

say() {
    printf '\n=== %s  %s\n' "$(date -u +%H:%M:%S)" "$*"
}

# quietly NAME COMMAND...: output goes to a log that is shown when it fails
quietly() {
    local name=$1 log=$WORK/log-$1.txt
    shift
    echo "$name: $*"
    if ! "$@" >"$log" 2>&1; then
        tail -n 200 "$log"
        echo "FAILED: $name" >&2
        return 1
    fi
}

# find_python X.Y: prints the path of a working interpreter of that version
find_python() {
    local version=$1 candidate
    local pyenv=${PYENV_ROOT:-$HOME/.pyenv}
    for candidate in "$pyenv/versions/$version".*/bin/python "$pyenv/versions/$version/bin/python" \
        "$(command -v "python$version" || true)" "$(command -v python3 || true)"; do
        [[ -x "$candidate" ]] || continue
        if [[ "$("$candidate" -c 'import sys, venv, ensurepip; print("%d.%d" % sys.version_info[:2])' 2>/dev/null)" == "$version" ]]; then
            # the interpreter itself, not a launcher that depends on the folder
            "$candidate" -c 'import sys; print(sys.executable)'
            return 0
        fi
    done
    echo "No Python $version was found: neither in $pyenv/versions nor as python$version on PATH." >&2
    echo "Install it (with its venv module) and run this again." >&2
    return 1
}

fresh_venv() {
    "$1" -m venv --clear "$2"
}

cmake_is_new_enough() {
    command -v cmake >/dev/null || return 1
    local version
    version=$(cmake --version | sed -n '1s/.* \([0-9.]*\).*/\1/p')
    [[ "$(printf '%s\n3.24\n' "$version" | sort -V | head -n 1)" == 3.24 ]]
}

# copy_checkout TO: the files that git has or would take, as a fresh clone has
# them, so that no stray build product can help or harm
copy_checkout() {
    rm -rf "$1"
    mkdir -p "$1"
    git ls-files -z --cached --others --exclude-standard | while IFS= read -r -d '' file; do
        if [[ -e "$file" ]]; then printf '%s\0' "$file"; fi
    done | tar --null -T - -cf - | tar -xf - -C "$1"
}

# ensure_arm64_tools: a cross-compiler and an emulator for arm64, from Debian's
# packages where that is possible
ensure_arm64_tools() {
    have_arm64_tools && return 0
    [[ $(id -u) == 0 ]] && command -v apt-get >/dev/null || return 1
    apt-get update >"$WORK/log-arm64-tools.txt" 2>&1 &&
        DEBIAN_FRONTEND=noninteractive timeout 600 apt-get install -y --no-install-recommends gcc-aarch64-linux-gnu \
            libc6-dev-arm64-cross qemu-user >>"$WORK/log-arm64-tools.txt" 2>&1 || return 1
    have_arm64_tools
}

have_arm64_tools() {
    command -v aarch64-linux-gnu-gcc >/dev/null && command -v qemu-aarch64 >/dev/null
}

# readme_command N: the N-th shell line of README.md; there are exactly two
readme_command() {
    awk -v wanted="$1" '
        /^```/ { shell = ($0 == "```sh"); next }
        shell && NF { count++; if (count == wanted) line = $0 }
        END { if (count != 2) exit 1; print line }' README.md || {
        echo "README.md must hold exactly two set-up commands in its sh blocks" >&2
        return 1
    }
}

# tells the tests where the peers are
use_peers() {
    if [[ -f "$WORK/peers.env" ]]; then
        source "$WORK/peers.env"
    fi
}

# fetch_python_314 INTO: no installer offers this version everywhere, but the
# Maven registry has a whole interpreter with headers. Sets PY314, PY314_HOME.
fetch_python_314() {
    local into=$1 artifact=org.bytedeco:cpython:3.14.3-1.5.13:jar:linux-x86_64
    PY314_HOME=$into/org/bytedeco/cpython/linux-x86_64
    PY314=$PY314_HOME/bin/python3.14
    if [[ ! -x "$PY314" ]]; then
        command -v mvn >/dev/null || { echo "mvn is needed to fetch Python 3.14" >&2; return 1; }
        quietly fetch-314 mvn -B -Dmaven.repo.local="$WORK/maven" \
            org.apache.maven.plugins:maven-dependency-plugin:3.6.1:copy \
            "-Dartifact=$artifact" "-DoutputDirectory=$into"
        "$WORK/tools/bin/python" -m zipfile -e "$into"/cpython-*.jar "$into"
        chmod +x "$PY314_HOME"/bin/*
    fi
    LD_LIBRARY_PATH=$PY314_HOME PYTHONHOME=$PY314_HOME "$PY314" --version
}
