-- What the logs show of one flow and of its replies: by interface, direction and action.
--
-- $port is -1 for any port. The port that the client picked is not compared: client_port is the lowest seen.
SELECT
    interface_id,
    is_request,
    action,
    max(reject_reason) AS reject_reason,
    CAST(min(CASE WHEN is_request THEN srcport ELSE dstport END) AS BIGINT) AS client_port,
    count(*) AS records,
    CAST(min(start) AS BIGINT) AS first_seen,
    CAST(max("end") AS BIGINT) AS last_seen
FROM (
    SELECT
        *,
        ip_key(coalesce(pkt_srcaddr, srcaddr)) = ip_key($source) AS is_request
    FROM flow_context
    WHERE action IS NOT NULL
        AND protocol = $protocol
        AND start < $until
        AND "end" >= $since
        AND (
            (
                ip_key(coalesce(pkt_srcaddr, srcaddr)) = ip_key($source)
                AND ip_key(coalesce(pkt_dstaddr, dstaddr)) = ip_key($destination)
                AND ($port < 0 OR dstport = $port)
            )
            OR (
                ip_key(coalesce(pkt_srcaddr, srcaddr)) = ip_key($destination)
                AND ip_key(coalesce(pkt_dstaddr, dstaddr)) = ip_key($source)
                AND ($port < 0 OR srcport = $port)
            )
        )
)
GROUP BY interface_id, is_request, action
ORDER BY is_request DESC, interface_id, action
