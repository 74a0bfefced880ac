systemd-sysusers /usr/lib/sysusers.d/flowq.conf >/dev/null 2>&1 || :
systemctl daemon-reload >/dev/null 2>&1 || :
