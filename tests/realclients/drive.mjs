// Runs unmodified Phoenix clients. Commands come in as lines of JSON, events go out as lines of JSON; it ends with stdin.
//
//   {"do": "start", "client": name, "package": alias, "url", "token", "topic", "socket": options, "app": {...}}
//   {"do": "stop", "client": name}
//
// `app` is what an application adds to the package: the topics that it subscribes to after each join, with the cursors
// that it has, how often it sends sync:heartbeat, and whether its params are a function.

import { createInterface } from "node:readline"
import { emit, watched } from "./telling.mjs"

const clients = new Map()
const packages = new Map()

function start({ client, package: alias, url, token, topic, socket: options, app }) {
  const { Socket } = packages.get(alias)
  let asked = 0
  const params = app.asks_anew ? () => ({ token, asked: ++asked }) : { token }
  const socket = new Socket(url, { transport: watched(client), params, ...options })
  socket.onOpen(() => emit(client, "open"))
  socket.onClose(({ code, reason }) => emit(client, "close", { code, reason }))
  const channel = socket.channel(topic, {})
  const cursors = { ...app.cursors }
  channel.on("sync:update_batch", batch => {
    for (const { topic: of, watermark } of batch.updates) cursors[of] = Math.max(cursors[of] ?? 0, watermark)
    emit(client, "update", { watermarks: batch.updates.map(({ topic: of, watermark }) => [of, watermark]) })
  })
  channel.onClose(() => emit(client, "channel-closed"))
  channel.onError(() => emit(client, "channel-error"))
  channel
    .join()
    .receive("ok", response => {
      emit(client, "joined", { response })
      if (app.topics) push("sync:subscribe", { topics: app.topics, resume_after: cursors })
    })
    .receive("error", response => emit(client, "join-refused", { response }))
    .receive("timeout", () => emit(client, "join-timeout"))
  function push(name, payload) {
    channel
      .push(name, payload)
      .receive("ok", response => emit(client, "ok", { name, response }))
      .receive("error", response => emit(client, "error", { name, response }))
      .receive("timeout", () => emit(client, "timeout", { name }))
  }
  const beating = app.beat_ms && setInterval(() => push("sync:heartbeat", {}), app.beat_ms)
  clients.set(client, () => {
    clearInterval(beating)
    socket.disconnect()
  })
  socket.connect()
}

for await (const line of createInterface({ input: process.stdin })) {
  const command = JSON.parse(line)
  if (command.do === "start") {
    if (!packages.has(command.package)) packages.set(command.package, await import(command.package))
    start(command)
  } else {
    clients.get(command.client)?.()
    clients.delete(command.client)
  }
}
process.exit(0)
