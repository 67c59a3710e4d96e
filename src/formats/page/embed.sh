# SPDX-License-Identifier: MIT
# embed.sh NAME FILE...: the files, one after the other, as a constant of C: a zero ends it.
name=$1
shift
echo "/* Made by embed.sh. */"
echo "extern const char $name[];"
echo "const char $name[] = {"
cat "$@" | od -An -v -tu1 | sed 's/  */,/g; s/^,//; s/$/,/'
echo "0};"
