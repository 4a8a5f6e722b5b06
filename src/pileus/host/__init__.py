"""The engines of this machine: packages, accelerator, libvirtd, Open vSwitch and OVN, images."""
