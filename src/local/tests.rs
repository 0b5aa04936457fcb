use super::*;

fn options(dir: &Path) -> Options {
    Options { data_dir: dir.to_owned(), postgres_bin: None, postgres: true, redis: true }
}

#[test]
fn a_second_start_on_the_same_directory_is_refused_and_a_later_one_keeps_the_data() {
    let dir = tempfile::tempdir().unwrap();
    let services = start(&options(dir.path())).unwrap();
    let message = start(&options(dir.path())).err().unwrap().to_string();
    assert!(message.contains("another ashlar process") && message.contains(&std::process::id().to_string()), "{message}");
    let running = find_running(dir.path()).unwrap();
    assert_eq!(running.database_url, services.running.database_url);

    let runtime = tokio::runtime::Runtime::new().unwrap();
    let query = |services: &Services, sql: &'static str| {
        let url = services.running.database_url.clone().unwrap();
        runtime.block_on(async move {
            let pool = sqlx::PgPool::connect(&url).await.unwrap();
            let value: i32 = sqlx::query_scalar(sql).fetch_one(&pool).await.unwrap();
            pool.close().await;
            value
        })
    };
    query(&services, "with made as (select 1) select 1 from made");
    let url = services.running.database_url.clone().unwrap();
    runtime.block_on(async {
        let pool = sqlx::PgPool::connect(&url).await.unwrap();
        sqlx::query("create table kept as select 42 as value").execute(&pool).await.unwrap();
        pool.close().await;
    });
    drop(services);
    assert!(find_running(dir.path()).is_none());

    let services = start(&options(dir.path())).unwrap();
    assert_eq!(query(&services, "select value from kept"), 42);
}

#[test]
fn a_server_that_dies_is_started_again() {
    let dir = tempfile::tempdir().unwrap();
    let services = start(&options(dir.path())).unwrap();
    let pid_file = dir.path().join("redis/redis.pid");
    let pid = || std::fs::read_to_string(&pid_file).ok().and_then(|text| text.trim().parse::<i32>().ok());
    let deadline = std::time::Instant::now() + Duration::from_secs(20);
    let first = loop {
        // it may answer before it has written the file
        match pid() {
            Some(pid) => break pid,
            None => assert!(std::time::Instant::now() < deadline, "Redis wrote no pid file"),
        }
        std::thread::sleep(Duration::from_millis(10));
    };
    nix::sys::signal::kill(nix::unistd::Pid::from_raw(first), nix::sys::signal::Signal::SIGKILL).unwrap();
    let socket = services.running.redis_url.clone().unwrap().replace("redis+unix://", "");
    while pid().is_none_or(|p| p == first) || std::os::unix::net::UnixStream::connect(&socket).is_err() {
        assert!(std::time::Instant::now() < deadline, "Redis did not come back");
        std::thread::sleep(Duration::from_millis(50));
    }
}
