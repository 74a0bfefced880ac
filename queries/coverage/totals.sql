-- How much there was to judge: jobs and interfaces that the inventory knows, and records tied to a job. NODATA counts:
-- it says that there was no traffic. SKIPDATA says nothing.
SELECT
    (SELECT count(*) FROM jobs) AS jobs,
    (SELECT count(DISTINCT interface_id) FROM enis WHERE attribution IS NOT NULL) AS interfaces,
    (
        SELECT CAST(coalesce(sum(records), 0) AS BIGINT)
        FROM peers
        WHERE attribution IS NOT NULL AND coalesce(log_status, 'OK') <> 'SKIPDATA'
    ) AS records
