#!/bin/sh
# SPDX-License-Identifier: MIT
# install-deps.sh GROUP...   makes sure that what heed is built with is there, and installs what is missing by
# name with the package manager of this system. Groups: build, clang. Where it cannot, it says what to type.
#
# Debian and Ubuntu (apt-get) are tried; the columns for Homebrew, Fedora and Arch are not tried yet.
set -eu

# group | what | apt-get | brew | dnf | pacman            a dash: comes with the system, or not to be had
table='
build | cc         | gcc libc6-dev   | -          | gcc                     | gcc
build | python     | python3         | python     | python3                 | python
build | meson      | meson           | meson      | meson                   | meson
build | ninja      | ninja-build     | ninja      | ninja-build             | ninja
build | pkg-config | pkg-config      | pkgconf    | pkgconf-pkg-config      | pkgconf
build | openmp     | libgomp1        | libomp     | libgomp                 | gcc
build | onednn     | libdnnl-dev     | onednn     | onednn-devel            | onednn
build | jansson    | libjansson-dev  | jansson    | jansson-devel           | jansson
build | pcre2      | libpcre2-dev    | pcre2      | pcre2-devel             | pcre2
build | utf8proc   | libutf8proc-dev | utf8proc   | utf8proc-devel          | libutf8proc
build | cairo      | libcairo2-dev   | cairo      | cairo-devel             | cairo
build | zlib       | zlib1g-dev      | -          | zlib-devel              | zlib
build | libcurl    | libcurl4-openssl-dev | curl | libcurl-devel           | curl
build | libcrypto  | libssl-dev      | openssl@3  | openssl-devel           | openssl
build | open-mpi   | libopenmpi-dev openmpi-bin | open-mpi | openmpi-devel | openmpi
build | libedit    | libedit-dev     | libedit    | libedit-devel           | libedit
build | cmocka     | libcmocka-dev   | cmocka     | libcmocka-devel         | cmocka
clang | clang      | clang           | llvm       | clang                   | clang
clang | clang-omp  | libomp-dev      | libomp     | libomp-devel            | openmp
clang | clang-rt   | libclang-rt-dev | -          | compiler-rt             | compiler-rt
'

# ---- is it there? ----

# All C packages in one call of pkg-config, which is what a build that lacks nothing waits for.
packages_are_there() { pkg-config --exists jansson libpcre2-8 libutf8proc cairo zlib libcurl libcrypto ompi-c libedit cmocka 2>/dev/null; }

compiles() { # compiler options..., the program on stdin
    "$@" -x c -o /dev/null - >/dev/null 2>&1
}

is_there() {
    case $1 in
    cc) command -v ${CC:-cc} >/dev/null && echo '#include <stdio.h>' | compiles ${CC:-cc} -fsyntax-only ;;
    python) command -v python3 >/dev/null ;;
    meson | ninja | pkg-config | clang) command -v "$1" >/dev/null ;;
    openmp) [ "$(uname)" != Darwin ] || [ -e "$(brew --prefix 2>/dev/null)/opt/libomp" ] ;;
    onednn) [ -n "${HEED_NO_ONEDNN:-}" ] || [ -e /usr/include/dnnl.h ] ||
        echo '#include <dnnl.h>' | compiles ${CC:-cc} -fsyntax-only ;;
    pcre2) pkg-config --exists libpcre2-8 2>/dev/null ;;
    libcurl | libcrypto) [ -n "${HEED_NO_CURL:-}" ] || pkg-config --exists "$1" 2>/dev/null ||
        [ "$(uname)" = Darwin ] ;; # Homebrew keeps its own aside, and a build without them lacks heed pull only
    open-mpi) [ -n "${HEED_NO_MPI:-}" ] || pkg-config --exists ompi-c 2>/dev/null ||
        [ "$(uname)" = Darwin ] || ls /usr/lib*/openmpi/lib/pkgconfig/ompi-c.pc >/dev/null 2>&1 ;; # Fedora keeps it aside
    libedit) [ -n "${HEED_NO_LIBEDIT:-}" ] || pkg-config --exists libedit 2>/dev/null || [ "$(uname)" = Darwin ] ;; # Homebrew keeps it aside
    utf8proc) pkg-config --exists libutf8proc 2>/dev/null ;;
    zlib) pkg-config --exists zlib 2>/dev/null || [ "$(uname)" = Darwin ] ;; # the system brings it
    jansson | cairo | cmocka) pkg-config --exists "$1" 2>/dev/null ;;
    clang-omp) echo 'int main(void) { return 0; }' | compiles clang -fopenmp ;;
    clang-rt) echo 'int main(void) { return 0; }' | compiles clang -fsanitize=thread ;;
    esac
}

# Prints what is missing of the groups, one word each.
missing() {
    packages=no
    ! packages_are_there || packages=yes
    for group in "$@"; do
        for what in $(echo "$table" | awk -F'|' -v g="$group" '{ gsub(/ /, "", $1) } $1 == g { print $2 }'); do
            case $packages,$what in
            yes,jansson | yes,pcre2 | yes,utf8proc | yes,cairo | yes,zlib | yes,libcurl | yes,libcrypto | yes,open-mpi | yes,libedit | yes,cmocka) ;;
            *) is_there "$what" || echo "$what" ;;
            esac
        done
    done
}

# ---- how is it installed? ----

choose_manager() {
    for manager in apt-get brew dnf pacman; do
        if command -v $manager >/dev/null; then
            return
        fi
    done
    manager=none
}

# The packages of the manager's column for the words given.
packages_for() {
    case $manager in
    brew) column=4 ;;
    dnf) column=5 ;;
    pacman) column=6 ;;
    *) column=3 ;;
    esac
    for what in "$@"; do
        echo "$table" | awk -F'|' -v w="$what" -v c=$column '
            { name = $2; gsub(/ /, "", name) }
            name == w { gsub(/^ +| +$/, "", $c); if ($c != "-") print $c }'
    done | tr ' ' '\n' | sort -u | tr '\n' ' '
}

# The one line that installs the packages; empty when no package manager is known.
install_line() {
    case $manager in
    apt-get) echo "apt-get install -y --no-install-recommends $*" ;;
    brew) echo "brew install $*" ;;
    dnf) echo "dnf install -y $*" ;;
    pacman) echo "pacman -S --needed --noconfirm $*" ;;
    esac
}

# A fresh container has no lists of packages at all, and old ones may name what is no longer there.
run_install() { # root-prefix packages...
    as_root=$1
    shift
    if [ $manager = apt-get ]; then
        export DEBIAN_FRONTEND=noninteractive
        as_root=${as_root:+$as_root --preserve-env=DEBIAN_FRONTEND}
        if [ -n "$(ls /var/lib/apt/lists 2>/dev/null | grep Packages)" ]; then
            $as_root $(install_line "$@") && return
        fi
        $as_root apt-get update || return
    fi
    $as_root $(install_line "$@")
}

main() {
    lacking=$(missing "$@")
    [ -n "$lacking" ] || return 0
    choose_manager
    packages=$(packages_for $lacking)
    if [ $manager = none ] || [ -z "$packages" ]; then
        echo "heed needs: $(echo $lacking). Please install them by hand; Debian calls them:" >&2
        manager=apt-get
        echo "    $(packages_for $lacking)" >&2
        return 1
    fi

    # Homebrew refuses to run as root; everything else needs to be.
    if [ $manager = brew ] || [ "$(id -u)" = 0 ]; then
        as_root=
    elif command -v sudo >/dev/null && { [ -t 0 ] || sudo -n true 2>/dev/null; }; then
        as_root=sudo
    else
        echo "heed needs $packages- type as root:" >&2
        echo "    $(install_line $packages)" >&2
        return 1
    fi

    echo "installing $packages" >&2
    if ! run_install "$as_root" $packages >&2; then
        echo "That failed. Please type:" >&2
        echo "    ${as_root:+$as_root }$(install_line $packages)" >&2
        return 1
    fi
    lacking=$(missing "$@")
    if [ -n "$lacking" ]; then
        echo "installed $packages- but still missing: $(echo $lacking)" >&2
        return 1
    fi
}

main "$@"
