#!/bin/sh
# SPDX-License-Identifier: MIT
# test_install.sh ROOT BUILD: installs into an empty folder, then builds every example against what was
# installed, through pkg-config alone, with the shared and the static library, and runs it.
set -eu
root=$1
build=$2
dest=$(mktemp -d)
trap 'rm -rf "$dest"' EXIT
cc=${CC:-cc}

case " $(meson introspect --buildoptions "$build" | tr -d '\n' |
    sed 's/.*"b_sanitize",[^}]*"value": "\([^"]*\)".*/\1/; t; s/.*/?/') " in
*" none "*) ;;
*)
    if [ "${HEED_INSTALL_TEST:-}" != always ]; then
        echo "a sanitized library is not for others to link"
        exit 77
    fi
    ;;
esac

DESTDIR=$dest meson install -C "$build" --no-rebuild --quiet
pc=$(find "$dest" -name heed.pc)
[ -n "$pc" ] || { echo "heed.pc was not installed"; exit 1; }
prefix=$(sed -n 's/^prefix=//p' "$pc")
libdir=$(dirname "$(dirname "$pc")")

for header in "$root"/include/heed/*.h; do
    header=heed/$(basename "$header")
    [ -f "$dest$prefix/include/$header" ] || { echo "$header was not installed"; exit 1; }
    # C11 without extensions: what users may compile with. Each header stands alone.
    echo "#include <$header>" | $cc -std=c11 -pedantic -Wall -Wextra -Werror -fsyntax-only \
        -I"$dest$prefix/include" -x c -
done

# The package as someone sees who unpacked it under $dest.
flags() { PKG_CONFIG_PATH=$(dirname "$pc") pkg-config --define-variable=prefix="$dest$prefix" "$@" heed; }

cat >"$dest/status.c" <<'END'
#include <heed/status.h>
#include <stdio.h>
int main(void)
{
    return puts(heed_status_text(HEED_ERR_MEMORY)) < 0;
}
END

names=
# The example that trains comes first: others open the model that it leaves.
for source in "$dest/status.c" "$root/examples/train.c" "$root"/examples/*.c; do
    name=$(basename "$source" .c)
    case " $names " in *" $name "*) continue ;; esac
    names="$names $name"
    $cc -Wall -Wextra -o "$dest/$name" "$source" $(flags --cflags --libs)
    LD_LIBRARY_PATH=$libdir ldd "$dest/$name" 2>/dev/null | grep -q "$libdir/libheed.so.0" ||
        [ "$(uname)" != Linux ] || { echo "$name does not use the installed libheed.so.0"; exit 1; }
    $cc -Wall -Wextra -o "$dest/$name-static" "$source" $(flags --cflags) "$libdir/libheed.a" \
        $(flags --static --libs-only-l | sed 's/-lheed//') $(flags --static --libs-only-other)
done
for kind in '' -static; do
    mkdir "$dest/run$kind"
    for name in $names; do
        (cd "$dest/run$kind" && LD_LIBRARY_PATH=$libdir "$dest/$name$kind" >"$dest/out" 2>&1) ||
            { echo "$name$kind failed:"; cat "$dest/out"; exit 1; }
    done
done
[ "$("$dest/status-static")" = "not enough memory" ]

if [ -x "$dest$prefix/bin/heed" ]; then
    "$dest$prefix/bin/heed" --help >/dev/null
fi
