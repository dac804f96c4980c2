import Foundation
import Jobs
import Support
import Testing

/// What the older systems' documents tell their readers to type, typed: at a gateway that runs, with real media.
@Suite("The older systems' own examples", .timeLimit(.minutes(4))) struct OlderSystemsTests {
  @Test("of the Demucs queue: two of three tracks are separated at once, twenty callers wait, all have results")
  func demucs() async throws {
    let folder = TemporaryFolder()
    let standIn = try DemucsStandIn(in: folder)
    let environment = [
      "FANFARE_WORKERS_DEMUCS_ENABLED": "true", "FANFARE_WORKERS_DEMUCS_PROGRAM": standIn.program,
      "FANFARE_WORKERS_EMBEDDED": "4",
    ]
    try await OlderSystemsDesk.open(["demucs"], environment: environment, in: folder) { desk in
      let (lines, status) = try await desk.type(
        """
        curl http://localhost:8888/queue/worker/status
        curl -X POST http://localhost:8888/queue/worker/stop
        curl http://localhost:8888/queue/worker/status
        curl -X POST http://localhost:8888/queue/worker/start
        curl http://localhost:8888/process-video -F "file=@$VIDEO" -F userID=7
        curl http://localhost:8888/process-video -H "Content-Type: application/json" \\
          -d '{"input": "https://example.com/video.mp4", "fileName": "video.mp4"}'
        curl http://localhost:8888/process-video -F "video=@$SOUND"
        """, as: "root", scopes: ["admin"])
      #expect(status == 0)
      let answers = try lines.map { try JSONDocument(bytes: Array($0.utf8)).root }
      #expect(answers.prefix(4).map { $0["is_running"]?.bool } == [true, false, false, true])
      let jobs = answers.dropFirst(4).compactMap { $0["job_id"]?.string }
      try #require(jobs.count == 3, "\(lines)")
      for _ in 0..<2 { _ = await standIn.started.line() }
      let each = "for job_id in \(jobs.joined(separator: " ")); do"
      let (looked, _) = try await desk.type(
        """
        \(each) curl http://localhost:8888/queue/job/${job_id}/status; done
        curl http://localhost:8888/queue/worker/status
        curl http://localhost:8888/queue/status
        """, as: "root", scopes: ["admin"])
      let seen = try looked.map { try JSONDocument(bytes: Array($0.utf8)).root }
      #expect(seen.prefix(3).compactMap { $0["status"]?.string }.sorted() == ["processing", "processing", "queued"])
      #expect(seen[3]["active_workers"]?.int == 2 && seen[3]["max_concurrent"]?.int == 2)
      #expect(seen[3]["queue_status"]?["priority_5"]?.int == 1)
      #expect(seen[4]["queue_status"]?.object?.count == 10)
      async let waited = desk.type(
        """
        \(each) for i in {1..7}; do
          curl -s -o "$FOLDER/wait-$job_id-$i" http://localhost:8888/queue/job/${job_id}/wait?timeout=100 &
        done; done
        wait
        for file in "$FOLDER"/wait-*; do cat $file; echo; done
        \(each)
          url=$(curl -s http://localhost:8888/queue/job/${job_id}/result | jq -r .result.artifacts[0].url)
          echo $url
          curl -s http://localhost:8888$url
        done
        """, as: "root", scopes: ["admin"])
      // Steps are taken by either; with eight of them both have ended.
      standIn.go(8)
      _ = await standIn.started.line()
      standIn.go(4)
      let ends = try await waited.lines
      #expect(ends.count == 27, "\(ends)")
      #expect(ends.prefix(21).allSatisfy { $0.contains("\"status\":\"completed\"") })
      #expect(
        Array(ends.suffix(6)) == jobs.flatMap { ["/queue/job/\($0)/files/no_vocals.wav", "no_vocals"] })
    }
  }

  @Test("of the FFmpeg API: a task is registered, polled to its end, and is a video in the bucket that plays")
  func ffmpeg() async throws {
    let store = try await ObjectServer.start()
    let names = [
      "S3_BUCKET": ObjectServer.bucket, "AWS_REGION": "us-east-1", "AWS_ACCESS_KEY_ID": store.accessKey,
      "AWS_SECRET_ACCESS_KEY": store.secretKey,
    ]
    // Not Amazon's, but this machine's: nothing else is told of the store by names of ours.
    let place = [
      "FANFARE_ARTIFACTS_ENDPOINT": store.endpoint, "FANFARE_ARTIFACTS_PATH_STYLE": "true",
      "FANFARE_ARTIFACTS_ALLOW_PRIVATE_ADDRESSES": "true", "AWS_ENDPOINT_URL": store.endpoint,
    ]
    try await OlderSystemsDesk.open(["ffmpeg_api"], variables: names.merging(place) { $1 }) { desk in
      let (lines, status) = try await desk.type(
        """
        TASK=$(curl -s -X POST http://localhost:8000/ffmpeg/register \\
          -H "Content-Type: application/json" \\
          -d '{
            "command": "-i input.mp4 output.mp4",
            "input_files": {"input.mp4": "https://example.com/video.mp4"},
            "output_filename": "output.mp4"
          }' | jq -r .task_id)
        while true; do
          STATUS=$(curl -s http://localhost:8000/ffmpeg/status/$TASK | jq -r .status)
          [ "$STATUS" != pending ] && [ "$STATUS" != running ] && break
          sleep 0.2
        done
        curl -s http://localhost:8000/ffmpeg/status/$TASK
        echo
        OUTPUT=$(curl -s http://localhost:8000/ffmpeg/status/$TASK | jq -r .output_url)
        python -c "import boto3, sys; s3 = boto3.client('s3'); print(s3.list_buckets()['Buckets'][0]['Name']); \\
          s3.download_file(*sys.argv[1].removeprefix('s3://').split('/', 1), sys.argv[2])" "$OUTPUT" "$FOLDER/output.mp4"
        ffprobe -v error -show_entries stream=codec_type -of csv=p=0 "$FOLDER/output.mp4"
        curl -s http://localhost:8000/ffmpeg/outputs/$TASK/output.mp4 | cmp - "$FOLDER/output.mp4" && echo same
        """)
      #expect(status == 0)
      let task = try JSONDocument(bytes: Array(try #require(lines.first).utf8)).root
      let id = try #require(task["task_id"]?.string)
      #expect(task["status"]?.string == "completed", "\(lines)")
      #expect(task["output_url"]?.string == "s3://outputs/ffmpeg-outputs/\(id)/output.mp4")
      #expect(task["error_message"]?.isNull == true)
      #expect(lines.dropFirst().first == ObjectServer.bucket)
      #expect(Set(lines.dropFirst(2)) == ["video", "audio", "same"])
    }
    await store.kill()
  }

  @Test("of the FFmpeg API: ten tasks are registered in a loop, the queue's size falls to nothing, one is fetched")
  func batch() async throws {
    try await OlderSystemsDesk.open(["ffmpeg_api"]) { desk in
      let (lines, status) = try await desk.type(
        """
        for i in {1..10}; do
          TASK_ID=$(curl -s -X POST http://localhost:8000/ffmpeg/register \\
            -H "Content-Type: application/json" \\
            -d "{
              \\"command\\": \\"-i input$i.mp4 -t 0.2 output$i.mp4\\",
              \\"input_files\\": {\\"input$i.mp4\\": \\"https://example.com/video$i.mp4\\"},
              \\"output_filename\\": \\"output$i.mp4\\"
            }" | jq -r .task_id)

          echo "Task $i: $TASK_ID"
        done
        while true; do
          TOTAL=$(curl -s http://localhost:8000/ffmpeg/queue/size | jq .queue_size)
          [ "$TOTAL" = 0 ] && break
          sleep 0.2
        done
        echo "Tasks in queue: $TOTAL"
        # Without a bucket its output is fetched from the service.
        OUTPUT=$(curl -s -X POST http://localhost:8000/execute/$TASK_ID | jq -r .output_url)
        curl -s -o "$FOLDER/output.mp4" http://localhost:8000$OUTPUT
        ffprobe -v error -show_entries stream=codec_type -of csv=p=0 "$FOLDER/output.mp4"
        """)
      #expect(status == 0)
      #expect(lines.count == 13)
      #expect(lines[10] == "Tasks in queue: 0")
      #expect(Set(lines.suffix(2)) == ["video", "audio"])
      #expect(Set(lines.prefix(10).compactMap { $0.split(separator: ": ").last }).count == 10)
    }
  }

  @Test("of the video generator: images and music become a video that plays, with and without waiting")
  func videos() async throws {
    try await OlderSystemsDesk.open(
      ["video_generator"], environment: ["FANFARE_COMPATIBILITY_VIDEO_GENERATOR_SYNCHRONOUS": "never"]
    ) { desk in
      let (lines, status) = try await desk.type(
        """
        SESSION=$(curl -s http://localhost:5000/upload -F "images=@$IMAGE" -F "images=@$IMAGE" | jq -r .session_id)
        AUDIO=$(curl -s http://localhost:5000/upload_audio -F "audio=@$SOUND" | jq -r .audio_id)
        URL=$(curl -s -X POST http://localhost:5000/generate_video -H "Content-Type: application/json" -d '{
          "session_id": "'$SESSION'",
          "audio_id": "'$AUDIO'",
          "duration": 1,
          "transition": "fade",
          "resolution": "320x240"
        }' | jq -r .status_url)
        while true; do
          ANSWER=$(curl -s http://localhost:5000$URL)
          case $(echo "$ANSWER" | jq -r .status) in finished|failed) break;; esac
          sleep 0.2
        done
        echo "$ANSWER"
        curl -s -o "$FOLDER/video.mp4" http://localhost:5000$(echo "$ANSWER" | jq -r .result.download_url)
        ffprobe -v error -show_entries stream=codec_type,width -of csv=p=0 "$FOLDER/video.mp4"
        """)
      #expect(status == 0)
      let answer = try JSONDocument(bytes: Array(try #require(lines.first).utf8)).root
      #expect(answer["status"]?.string == "finished", "\(lines)")
      #expect(answer["result"]?["file_size"]?.int ?? 0 > 1000)
      #expect(Set(lines.dropFirst()) == ["video,320", "audio"])
    }
  }

  @Test("of the video generator without Redis: the call waits for the video")
  func synchronous() async throws {
    try await OlderSystemsDesk.open(["video_generator"]) { desk in
      #expect(desk.banner.contains { $0.contains("No REDIS_URL found - running without queue (synchronous mode)") })
      let (lines, status) = try await desk.type(
        """
        SESSION=$(curl -s http://localhost:5000/upload -F "images=@$IMAGE" | jq -r .session_id)
        curl -s -X POST http://localhost:5000/generate_video -H "Content-Type: application/json" -d '{
          "session_id": "'$SESSION'", "duration": 0.5, "resolution": "160x120"
        }'
        """)
      #expect(status == 0)
      let answer = try JSONDocument(bytes: Array(try #require(lines.first).utf8)).root
      #expect(answer["success"]?.bool == true, "\(lines)")
      #expect(answer["download_url"]?.string?.hasPrefix("/download/") == true)
    }
  }

  @Test("of the transcription queue: its services are healthy, a task goes through")
  func transcription() async throws {
    try await OlderSystemsDesk.open(["transcription"]) { desk in
      let (lines, status) = try await desk.type(
        """
        curl -s http://localhost:8002/health
        echo
        curl -s -X POST http://localhost:8002/tasks/transcription -H "Content-Type: application/json" -d '{"a": 1}'
        echo
        curl -s http://localhost:8002/stats
        echo
        curl -s -X POST http://localhost:8002/admin/backup
        echo
        curl -s http://localhost:8000/health
        """, as: "root", scopes: ["admin"])
      #expect(status == 0)
      let answers = try lines.map { try JSONDocument(bytes: Array($0.utf8)).root }
      #expect(answers[0]["redis"]?.string == "connected")
      #expect(answers[1]["status"]?.string == "queued")
      #expect(answers[2]["queued"]?.int == 1)
      #expect(answers[3]["success"]?.bool == true)
      #expect(answers[4]["queue_service"]?.string == "available", "the main API's, as the queue's")
    }
  }

  @Test("of ClipForge: its TypeScript is run as it stands")
  func clipForge() async throws {
    try await OlderSystemsDesk.open(["clipforge"]) { desk in
      let (lines, status) = try await desk.script(
        """
        const ids = {}
        for (const type of ['ingest', 'transcribe']) {
          const answer = await fetch(`/api/queues/name/${type}`)
          ids[`${type}-queue-id`] = (await answer.json()).id
        }
        const outer = fetch
        globalThis.fetch = (path, options) =>
          outer(path.replace(/(ingest|transcribe)-queue-id/, (id) => ids[id]), options)

        // Get overall system health
        const health = await fetch('/api/queues/health');
        console.log(JSON.stringify(await health.json()))
        // Get detailed statistics
        const stats = await fetch('/api/queues/stats');
        console.log((await stats.json()).total)
        // Pause a queue for maintenance
        console.log((await fetch('/api/queues/ingest-queue-id/pause', { method: 'POST' })).status)
        // Update concurrency for better performance
        const patched = await fetch('/api/queues/ingest-queue-id', {
          method: 'PATCH',
          body: JSON.stringify({ concurrency: 10 })
        });
        console.log((await patched.json()).concurrency)
        // Resume processing
        console.log((await fetch('/api/queues/ingest-queue-id/resume', { method: 'POST' })).status)
        // Add a transcription job
        const added = await fetch('/api/queues/transcribe-queue-id/jobs', {
          method: 'POST',
          body: JSON.stringify({
            data: {
              chunkId: 'chunk-uuid',
              streamId: 'stream-uuid',
              audioPath: '/path/to/audio.wav'
            },
            options: {
              priority: 1,
              attempts: 3
            }
          })
        });
        const job = await added.json()
        console.log(added.status, job.opts.priority, job.opts.attempts, job.data.audioPath)
        """, port: 8000, as: "root", scopes: ["admin"])
      #expect(status == 0)
      #expect(
        lines == [
          #"{"status":"healthy","healthy":7,"total":7,"overloaded":0,"errors":0}"#, "7", "200", "10", "200",
          "201 1 3 /path/to/audio.wav",
        ])
    }
  }
}
