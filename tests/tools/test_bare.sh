#!/usr/bin/env bash
# test_bare.sh FOLDER: makes a minimal Debian 12 in FOLDER with debootstrap, copies the tracked files in, and runs there,
# line by line, the block of README.md that follows `<!-- bare -->`. Uses this machine's own apt sources and proxies.
# Prints seconds and MB installed, removes FOLDER. Where it cannot run it says so and succeeds. With CCACHE_DIR set, ccache
# and that folder are in there too: what preprocesses to the same text as here is not compiled once more.
set -euo pipefail
folder=$1 release=bookworm
root=$folder/debian
skip() { echo "test-bare: SKIPPED, $*"; exit 0; }

[ "$(id -u)" = 0 ] || skip "it must be root to make a Debian of its own"
command -v debootstrap >/dev/null || skip "there is no debootstrap (make deps-dev installs it)"
command -v apt-get >/dev/null || skip "this machine has no apt whose sources it could use"
lines=$(awk '/^<!-- bare -->/ { marked = 1 } marked && /^```$/ { exit } inside { print } marked && /^```sh$/ { inside = 1 }' README.md)
[ -n "$lines" ] || { echo "test-bare: README.md has no \`\`\`sh block after <!-- bare -->" >&2; exit 1; }

clean_up() {
  local where
  for where in "$root/proc" "$root/dev/shm" "$root/ccache"; do if mountpoint -q "$where"; then umount "$where" || umount -l "$where"; fi; done
  rm -rf --one-file-system "$folder"
}
trap clean_up EXIT
trap 'exit 130' INT TERM HUP
clean_up
mkdir -p "$folder"

# uri, suite and component of each of this machine's own sources of the release; else the usual mirror.
if ! ls /var/lib/apt/lists/*Packages* >/dev/null 2>&1; then apt-get -qq update || true; fi
sources=$(apt-get indextargets --format '$(REPO_URI) $(RELEASE) $(COMPONENT)' 'Created-By: Packages' |
  awk -v release=$release '{ sub("/$", "", $1) } $2 == release || index($2, release "-") == 1' | sort -u)
[ -n "$sources" ] || sources="http://deb.debian.org/debian $release main"
mirror=$(awk -v release=$release '$2 == release { print $1; exit }' <<<"$sources")
eval "$(apt-config shell http_proxy Acquire::http::Proxy https_proxy Acquire::https::Proxy)"
export http_proxy=${http_proxy:-} https_proxy=${https_proxy:-}
/usr/lib/apt/apt-helper download-file "$mirror/dists/$release/InRelease" "$folder/InRelease" >"$folder/log" 2>&1 ||
  skip "$mirror cannot be reached: $(tail -n 1 "$folder/log")"

echo "test-bare: a minimal Debian 12 ($release) from $mirror"
started=$SECONDS
cache="" cache_settings=()
if [ -d "${CCACHE_DIR:-}" ]; then cache=--include=ccache; fi
debootstrap --variant=minbase $cache $release "$root" "$mirror" >"$folder/log" 2>&1 ||
  { tail -n 20 "$folder/log" >&2; exit 1; }
echo "test-bare: made in $((SECONDS - started)) s"

# The way to the mirror: sources, apt's settings for fetching, certificates, names.
sed 's/^/deb /' <<<"$sources" >"$root/etc/apt/sources.list"
apt-config dump | grep -E '^Acquire::(http|https|ftp|Check|Retries|AllowInsecure|AllowWeak|AllowDowngrade|Languages)' \
  >"$root/etc/apt/apt.conf.d/99host" || true
for file in /etc/resolv.conf /etc/hosts /etc/ssl/certs/ca-certificates.crt; do
  if [ -f $file ]; then mkdir -p "$root$(dirname $file)" && cp -L $file "$root$file"; fi
done
mkdir "$root/roux"
git ls-files -z | while IFS= read -r -d '' file; do if [ -e "$file" ]; then printf '%s\0' "$file"; fi; done |
  tar --create --null --files-from=- | tar --extract --directory "$root/roux"
mount -t proc proc "$root/proc"
if mountpoint -q /dev/shm && [ -d "$root/dev" ]; then mkdir -p "$root/dev/shm" && mount -t tmpfs tmpfs "$root/dev/shm"; fi
path=/usr/sbin:/usr/bin:/sbin:/bin
if [ -n "$cache" ]; then
  mkdir "$root/ccache" && mount --bind "$CCACHE_DIR" "$root/ccache"
  more_key=${CCACHE_EXTRAFILES:-}
  cache_settings=(CCACHE_DIR=/ccache CCACHE_NOHASHDIR=1 CCACHE_EXTRAFILES="${more_key/#$CCACHE_DIR//ccache}")
  path=/usr/lib/ccache:$path
fi

# In MB, what the packages in there take.
installed() { dpkg-query --admindir="$root/var/lib/dpkg" -W -f '${Installed-Size}\n' | awk '{ sum += $1 } END { print int(sum / 1024) }'; }
before=$(installed)
started=$SECONDS
while read -r line; do
  [ -n "$line" ] || continue
  echo "test-bare: \$ $line"
  line_started=$SECONDS
  env -i PATH=$path HOME=/root LANG=C.UTF-8 http_proxy="$http_proxy" https_proxy="$https_proxy" "${cache_settings[@]}" \
    chroot "$root" bash -c "cd /roux && $line" </dev/null >"$folder/log" 2>&1 ||
    { cat "$folder/log" >&2; echo "test-bare: FAILED after $((SECONDS - line_started)) s: $line" >&2; exit 1; }
  tail -n 12 "$folder/log" | sed 's/^/    /'
  echo "test-bare: $((SECONDS - line_started)) s"
done <<<"$lines"
after=$(installed)
echo "test-bare: passed in $((SECONDS - started)) s; $((after - before)) MB of packages installed on top of $before MB"
