-- title = "Records, bytes and lost records per hour"
-- description = "Hours in UTC by the start of the record. SKIPDATA is a hole in what AWS recorded; NODATA an interface without traffic."
-- requires = ["start", "log_status"]
SELECT
    date_trunc('hour', start) AS hour,
    log_status,
    count(*) AS records,
    count(DISTINCT interface_id) AS interfaces,
    sum(packets) AS packets,
    sum(bytes) AS bytes
FROM flow_context
GROUP BY date_trunc('hour', start), log_status
ORDER BY hour, log_status
