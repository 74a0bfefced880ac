-- The minutes of all interfaces of jobs, by state.
SELECT
    count(DISTINCT interface_id) AS interfaces,
    CAST(coalesce(sum(minutes), 0) AS BIGINT) AS minutes,
    CAST(coalesce(sum(minutes) FILTER (WHERE state IN ('records', 'nodata')), 0) AS BIGINT) AS covered,
    CAST(coalesce(sum(minutes) FILTER (WHERE state = 'quiet'), 0) AS BIGINT) AS quiet,
    CAST(coalesce(sum(minutes) FILTER (WHERE state = 'skipdata'), 0) AS BIGINT) AS skipdata,
    CAST(coalesce(sum(minutes) FILTER (WHERE state = 'gap'), 0) AS BIGINT) AS gap,
    CAST(coalesce(sum(minutes) FILTER (WHERE state = 'unknown'), 0) AS BIGINT) AS unknown
FROM interface_runs
