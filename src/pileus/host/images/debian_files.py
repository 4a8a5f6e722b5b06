"""What the Debian image has beyond its packages: small files, path → content."""

# The timer check panics in an emulated guest whose host is busy: ticks come late there.
KERNEL_OPTIONS = "console=tty0 console=ttyS0,115200 net.ifnames=0 no_timer_check"

# Written before the kernel is configured, so that its first initramfs is already the small one.
EARLY_FILES: dict[str, str] = {
    "etc/initramfs-tools/conf.d/pileus": "MODULES=list\n",
    "etc/initramfs-tools/modules": (
        "virtio_pci\nvirtio_blk\nvirtio_scsi\nvirtio_net\nsd_mod\nsr_mod\nata_piix\nnvme\n"
    ),
    "etc/kernel-img.conf": "do_symlinks = yes\nlink_in_boot = yes\n",
}

_SOURCES = "".join(
    f"deb http://deb.debian.org/{archive} {suite} main\n"
    for archive, suite in (
        ("debian", "bookworm"),
        ("debian", "bookworm-updates"),
        ("debian-security", "bookworm-security"),
    )
)

LATE_FILES: dict[str, str] = {
    "etc/apt/sources.list": _SOURCES,
    "etc/hostname": "debian\n",
    "etc/hosts": "127.0.0.1 localhost\n::1 localhost ip6-localhost ip6-loopback\n",
    "etc/machine-id": "",  # each guest makes its own at its first boot
    "etc/default/grub": (
        "GRUB_DEFAULT=0\nGRUB_TIMEOUT=0\nGRUB_DISTRIBUTOR=Debian\n"
        'GRUB_CMDLINE_LINUX_DEFAULT=""\n'
        f'GRUB_CMDLINE_LINUX="{KERNEL_OPTIONS}"\nGRUB_TERMINAL="console serial"\n'
        'GRUB_SERIAL_COMMAND="serial --speed=115200"\n'
    ),
    "etc/cloud/cloud.cfg.d/90_pileus.cfg": (
        "datasource_list: [ConfigDrive, OpenStack, None]\n"
        "system_info:\n  network:\n    renderers: [networkd]\n"
        "apt: {preserve_sources_list: true}\n"
        # An RSA key takes an emulated guest many seconds, and no client of today needs it.
        "ssh_genkeytypes: [ed25519, ecdsa]\n"
        "locale: false\n"
    ),
}

# {uuid} is the root file system's. A guest that installs a new kernel writes its own menu.
GRUB_MENU = """\
set timeout=0
menuentry "Debian" {{
    linux /boot/vmlinuz root=UUID={uuid} ro {options}
    initrd /boot/initrd.img
}}
"""
FSTAB = "UUID={uuid} / ext4 rw,discard,errors=remount-ro 0 1\n"
