# $1 is the number of versions that remain: 0 is a removal, 1 an update.
if [ "$1" = 0 ]; then
    systemctl --no-reload disable --now flowq-feed.service flowq-once.timer flowq-once.service >/dev/null 2>&1 || :
fi
