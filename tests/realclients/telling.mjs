// What the drivers of unmodified clients share: events go out as lines of JSON.

import WebSocket from "ws"

export function emit(client, event, more = {}) {
  process.stdout.write(JSON.stringify({ client, at: performance.now() / 1000, event, ...more }) + "\n")
}

// A transport as the packages expect it, which tells of every handshake and of every frame that goes out.
export function watched(client) {
  return class extends WebSocket {
    constructor(url, protocols) {
      super(url, protocols)
      emit(client, "dial", Object.fromEntries(new URL(url).searchParams))
    }
    send(data) {
      const [joinRef, ref, topic, event] = JSON.parse(data)
      emit(client, "sent", { joinRef, ref, topic, name: event })
      super.send(data)
    }
    close(code, reason) {
      emit(client, "hang-up", { code, reason })
      super.close(code, reason)
    }
  }
}
