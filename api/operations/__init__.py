"""Operations: what supervisors and Prometheus ask."""
