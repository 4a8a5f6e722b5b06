"""What stands inside the tiny image: the scripts and small files of its system, as text."""

INITRAMFS_INIT = r"""#!/bin/sh
# Find the root disk by its label and hand over to it.
mount -t devtmpfs dev /dev
mount -t proc proc /proc
mount -t sysfs sys /sys
modprobe -a virtio_pci virtio_blk
waited=0
until root=$(findfs LABEL=pileus-tiny 2>/dev/null); do
    # Not a virtio disk, then: SCSI or IDE, which take a moment to answer.
    [ $waited = 0 ] && modprobe -a virtio_scsi ata_piix sd_mod 2>/dev/null
    waited=$((waited + 1))
    if [ $waited -gt 300 ]; then
        echo "pileus-tiny: no disk with the label pileus-tiny was found; powering off"
        poweroff -f
    fi
    usleep 100000
done
mount -t ext4 "$root" /root
for folder in dev proc sys; do mount -o move /$folder /root/$folder; done
exec switch_root /root /bin/init
"""

PROBE_INIT = r"""#!/bin/sh
# All that an accelerator's probe asks: did a kernel really come up, with user space running?
mount -t devtmpfs dev /dev
echo pileus-probe-booted > /dev/ttyS0
poweroff -f
"""

RC = r"""#!/bin/sh
# Everything between the kernel and the login prompt, in order.
PATH=/bin
say() { echo "pileus-tiny: $*"; }

mount -t tmpfs tmpfs /run
mount -t tmpfs tmpfs /tmp
mkdir -p /dev/pts /run/net
mount -t devpts devpts /dev/pts
# An image that was built without root holds its builder's user id.
[ "$(stat -c %u /root)" = 0 ] || chown -R 0:0 /root /etc /bin /lib /lib64 /var
chown -R tiny:tiny /home/tiny

modprobe -qa virtio_net evdev $(cat /sys/bus/*/devices/*/modalias | sort -u) 2>/dev/null
# Drives behind a controller show only now.
modprobe -qa $(cat /sys/bus/scsi/devices/*/modalias 2>/dev/null | sort -u) 2>/dev/null
acpid -d >/dev/null 2>&1 &
[ -s /etc/dropbear/ed25519 ] || dropbearkey -t ed25519 -f /etc/dropbear/ed25519 >/dev/null 2>&1 &
key=$!
ip link set lo up
hostname -F /etc/hostname

drive=$(findfs LABEL=config-2 2>/dev/null || findfs LABEL=CONFIG-2 2>/dev/null)
[ -n "$drive" ] && modprobe -a isofs vfat nls_cp437 nls_ascii nls_iso8859_1 2>/dev/null
if [ -n "$drive" ] && { mount -o ro -t iso9660 "$drive" /mnt 2>/dev/null ||
    mount -o ro -t vfat "$drive" /mnt; }; then
    data=/mnt/openstack/latest
    json < $data/meta_data.json > /run/meta_data
    [ -s $data/network_data.json ] && json < $data/network_data.json > /run/network_data
    say "config drive $drive"
fi

/etc/net
/etc/personality
wait $key
dropbear -r /etc/dropbear/ed25519 -s
for link in /sys/class/net/*; do
    ip -o addr show dev ${link##*/} scope global | while read -r _ name _ address _; do
        say "address $name $address"
    done
done
say "up after $(cut -d' ' -f1 /proc/uptime) s"
"""

NET = r"""#!/bin/sh
# Give every interface its address: as the config drive says, else by DHCP.
PATH=/bin
value() { sed -n "s|^$1	||p" /run/network_data | head -n 1; }
link_of() {  # the interface whose hardware address the config drive gives for the link $1
    for at in $(sed -n "s|^\(links\.[0-9]*\)\.id	$1$|\1|p" /run/network_data); do
        mac=$(value "$at.ethernet_mac_address")
        mtu=$(value "$at.mtu")
        for device in /sys/class/net/*; do
            [ "$(cat $device/address)" = "$mac" ] && echo "${device##*/} $mtu"
        done
    done
}
bits() { ipcalc -p 0.0.0.0 "$1" | cut -d= -f2; }

touch /run/network_data
for at in $(sed -n 's|^\(networks\.[0-9]*\)\.type	ipv[46]$|\1|p' /run/network_data); do
    set -- $(link_of "$(value "$at.link")")
    [ -n "$1" ] || continue
    address=$(value "$at.ip_address")
    netmask=$(value "$at.netmask")
    case $netmask in *.*) netmask=$(bits "$netmask") ;; esac
    case $address in */*) ;; *) address=$address/$netmask ;; esac
    case $2 in ''|null) ;; *) ip link set "$1" mtu "$2" ;; esac
    ip link set "$1" up
    ip addr add "$address" dev "$1"
    for route in $(sed -n "s|^\($at\.routes\.[0-9]*\)\.gateway	.*|\1|p" /run/network_data); do
        to=$(value "$route.network")
        mask=$(value "$route.netmask")
        case $mask in *.*) mask=$(bits "$mask") ;; esac
        case $mask in ''|*:*) ip route replace default via "$(value "$route.gateway")" dev "$1" ;;
        *) ip route replace "$to/$mask" via "$(value "$route.gateway")" dev "$1" ;;
        esac
    done
    echo static > "/run/net/$1"
done
sed -n 's|^services\.[0-9]*\.address	|nameserver |p' /run/network_data > /etc/resolv.conf

for device in /sys/class/net/*; do
    name=${device##*/}
    [ "$name" = lo ] || [ -e "/run/net/$name" ] && continue
    [ -e "$device/device" ] || continue
    ip link set "$name" up
    udhcpc -i "$name" -b -S -R -t 8 -T 1 -A 5 -s /etc/dhcp -p "/run/net/$name" \
        -O staticroutes -O mtu -x "hostname:$(hostname)" >/dev/null 2>&1 &
    waits="$waits $!"
done
for one in $waits; do wait $one; done
"""

DHCP = r"""#!/bin/sh
# Called by udhcpc with the lease in the environment.
PATH=/bin
case $1 in
deconfig)
    ip addr flush dev "$interface"
    ip link set "$interface" up
    ;;
bound|renew)
    ifconfig "$interface" "$ip" netmask "$subnet" up
    [ -n "$mtu" ] && ip link set "$interface" mtu "$mtu"
    # With classless static routes the router option must not be used (RFC 3442).
    if [ -n "$staticroutes" ]; then
        set -- $staticroutes
        while [ -n "$2" ]; do
            if [ "$2" = 0.0.0.0 ]; then ip route replace "$1" dev "$interface"
            else ip route replace "$1" via "$2" dev "$interface"
            fi
            shift 2
        done
    else
        for gateway in $router; do ip route replace default via "$gateway" dev "$interface"; done
    fi
    if [ -n "$dns" ]; then
        : > /etc/resolv.conf
        [ -n "$domain" ] && echo "search $domain" >> /etc/resolv.conf
        for server in $dns; do echo "nameserver $server" >> /etc/resolv.conf; done
    fi
    ;;
esac
"""

PERSONALITY = r"""#!/bin/sh
# What makes this guest this server: its name, its keys, its user data.
PATH=/bin
say() { echo "pileus-tiny: $*"; }
url=http://169.254.169.254/latest
# Not wget -T, which crashes in Debian's static busybox.
fetch() { timeout 5 wget -q -O - "$url/$1" 2>/dev/null; }
value() { sed -n "s|^$1	||p" /run/meta_data | head -n 1; }

if [ -s /run/meta_data ]; then
    name=$(value hostname)
    instance=$(value uuid)
    sed -n 's|^public_keys\.[^	]*	||p; s|^keys\.[0-9]*\.data	||p' /run/meta_data |
        sort -u > /run/keys
    cp /mnt/openstack/latest/user_data /run/user_data 2>/dev/null
else
    tries=0
    until instance=$(fetch meta-data/instance-id); do
        tries=$((tries + 1))
        if [ $tries -ge 4 ] || ! ip route get 169.254.169.254 >/dev/null 2>&1; then
            say "no config drive, and no metadata service answered: no keys, no name"
            break
        fi
        usleep 500000
    done
    if [ -n "$instance" ]; then
        name=$(fetch meta-data/hostname)
        # The list may lack its last newline, which read needs.
        { fetch meta-data/public-keys/; echo; } | while IFS='=' read -r index _; do
            [ -n "$index" ] || continue
            fetch "meta-data/public-keys/$index/openssh-key"
            echo
        done | grep . > /run/keys
        fetch user-data > /run/user_data
        say "metadata service"
    fi
fi

if [ -n "$name" ]; then
    hostname "${name%%.*}"
    hostname > /etc/hostname
    printf '127.0.0.1 localhost\n127.0.1.1 %s %s\n' "$name" "$(hostname)" > /etc/hosts
fi
if [ -s /run/keys ]; then
    for home in /root /home/tiny; do
        mkdir -p $home/.ssh
        cp /run/keys $home/.ssh/authorized_keys
        chmod 700 $home/.ssh
        chmod 600 $home/.ssh/authorized_keys
    done
    chown -R tiny:tiny /home/tiny
    say "ssh keys: $(grep -c . /run/keys)"
fi
# User data is run once in a server's life, as cloud-init does.
if [ -s /run/user_data ] && [ "$(head -c 2 /run/user_data)" = '#!' ] &&
    [ "$instance" != "$(cat /var/lib/instance 2>/dev/null)" ]; then
    say "running user data"
    chmod 700 /run/user_data
    /run/user_data
    say "user data ended with $?"
fi
[ -n "$instance" ] && echo "$instance" > /var/lib/instance
exit 0
"""

JSON = r"""#!/bin/awk -f
# Flatten a JSON document into lines of "path.to.value<tab>value".
BEGIN { RS = "\001" }
{ text = $0; size = length(text); at = 1; value("") }
function skip() { while (at <= size && index(" \t\r\n", substr(text, at, 1))) at++ }
function word(    c, out) {
    for (at++; at <= size; at++) {
        c = substr(text, at, 1)
        if (c == "\"") break
        if (c == "\\") {
            c = substr(text, ++at, 1)
            if (c == "n") c = "\n"
            else if (c == "t") c = "\t"
            else if (c == "r") c = ""
            else if (c == "u") { c = "?"; at += 4 }
        }
        out = out c
    }
    at++
    return out
}
function put(path, found,    lines, n, i) {
    n = split(found, lines, "\n")
    for (i = 1; i <= n; i++) if (lines[i] != "") print substr(path, 2) "\t" lines[i]
}
function value(path,    c, n, key, start) {
    skip()
    c = substr(text, at, 1)
    if (c == "{" || c == "[") {
        for (at++; at <= size; at++) {
            skip()
            key = substr(text, at, 1)
            if (key == "}" || key == "]") break
            if (key == ",") continue
            if (c == "{") { key = word(); skip(); at++ } else key = n++
            value(path "." key)
            at--
        }
        at++
    } else if (c == "\"") put(path, word())
    else {
        start = at
        while (at <= size && !index(",]} \t\r\n", substr(text, at, 1))) at++
        put(path, substr(text, start, at - start))
    }
}
"""

INITTAB = """::sysinit:/etc/rc
ttyS0::respawn:/bin/getty -L 115200 ttyS0 vt100
tty1::respawn:/bin/getty 38400 tty1
::ctrlaltdel:/bin/reboot
::shutdown:/bin/umount -a -r
"""

POWER_BUTTON = """#!/bin/sh
echo "pileus-tiny: power button" > /dev/console
exec /bin/poweroff
"""

# Path → (mode, content).
FILES: dict[str, tuple[int, str]] = {
    "bin/json": (0o755, JSON),
    "etc/rc": (0o755, RC),
    "etc/net": (0o755, NET),
    "etc/dhcp": (0o755, DHCP),
    "etc/personality": (0o755, PERSONALITY),
    "etc/inittab": (0o644, INITTAB),
    "etc/acpi/PWRF/00000080": (0o755, POWER_BUTTON),
    "etc/passwd": (
        0o644,
        "root:x:0:0:root:/root:/bin/sh\ntiny:x:1000:1000:tiny:/home/tiny:/bin/sh\n",
    ),
    "etc/group": (0o644, "root:x:0:\ntty:x:5:\ntiny:x:1000:\n"),
    "etc/shadow": (0o600, "root:*:19000:0:99999:7:::\ntiny:*:19000:0:99999:7:::\n"),
    "etc/shells": (0o644, "/bin/sh\n"),
    "etc/hostname": (0o644, "pileus-tiny\n"),
    "etc/hosts": (0o644, "127.0.0.1 localhost\n"),
    "etc/issue": (0o644, "Pileus tiny image, a Debian kernel with busybox\n"),
    "etc/os-release": (0o644, 'ID=pileus-tiny\nNAME="Pileus tiny"\nPRETTY_NAME="Pileus tiny"\n'),
}

FOLDERS = (
    *("boot", "dev", "etc/dropbear", "home/tiny", "lib", "mnt", "proc", "root"),
    *("run", "sys", "tmp", "usr", "var/lib", "var/log"),
)
