-- What there was to judge: jobs and interfaces of the inventory, and records attributed to a job. NODATA counts:
-- it states that there was no traffic. SKIPDATA states nothing.
SELECT
    (SELECT count(*) FROM jobs) AS jobs,
    (SELECT count(DISTINCT interface_id) FROM enis WHERE attribution IS NOT NULL) AS interfaces,
    (
        SELECT CAST(coalesce(sum(records), 0) AS BIGINT)
        FROM peers
        WHERE attribution IS NOT NULL AND coalesce(log_status, 'OK') <> 'SKIPDATA'
    ) AS records
