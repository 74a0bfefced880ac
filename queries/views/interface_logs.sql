-- What each flow log contains of each interface of a job: one row for each interface, job and flow log. The flow log is
-- taken from the object name; NULL if the name has none.
--
-- `records`, `nodata` and `skipdata` count by status; the other numbers are of `records`: how many were accepted and
-- rejected, and how many have no action, no ports, no start, no end and no bytes. A record of a flow log that has the
-- field always has a value there, so these are records of flow logs without the field.
-- flowq counts this while reading for `flowq detect`, and then this SQL is not run; a test compares the rows of both.
SELECT
    interface_id, job_name, job_arn, job_candidates, attribution, flow_log_id,
    count(*) FILTER (WHERE status = 'OK') AS records,
    count(*) FILTER (WHERE status = 'NODATA') AS nodata,
    count(*) FILTER (WHERE status = 'SKIPDATA') AS skipdata,
    count(*) FILTER (WHERE status = 'OK' AND action = 'ACCEPT') AS accepted,
    count(*) FILTER (WHERE status = 'OK' AND action = 'REJECT') AS rejected,
    count(*) FILTER (WHERE status = 'OK' AND action IS NULL) AS without_action,
    count(*) FILTER (
        WHERE status = 'OK' AND local_addr IS NOT NULL AND (local_port IS NULL OR remote_port IS NULL)
    ) AS without_ports,
    count(*) FILTER (WHERE status = 'OK' AND start IS NULL) AS without_start,
    count(*) FILTER (WHERE status = 'OK' AND "end" IS NULL) AS without_end,
    count(*) FILTER (WHERE status = 'OK' AND bytes IS NULL) AS without_bytes,
    min(coalesce(start, "end")) AS first_seen,
    max(greatest(coalesce("end", start), coalesce(start, "end"))) AS last_seen
FROM (
    SELECT
        *,
        CASE WHEN log_status IN ('NODATA', 'SKIPDATA') THEN log_status ELSE 'OK' END AS status,
        regexp_match(object, '_(fl-[0-9A-Za-z]+)_')[1] AS flow_log_id
    FROM flow_context
    WHERE attribution IS NOT NULL AND interface_id IS NOT NULL
)
GROUP BY interface_id, job_name, job_arn, job_candidates, attribution, flow_log_id
