// npm socket.io: one broadcast server.  Favoured by: WebSocket only, the ws engine without deflate, its own rooms.
const { Server } = require('socket.io');
const http = require('http');

const web = http.createServer();
const io = new Server(web, { transports: ['websocket'], perMessageDeflate: false, httpCompression: false, serveClient: false });
io.on('connection', (socket) => {
  const room = new URL(socket.request.url, 'http://localhost').searchParams.get('room');
  socket.join(room);
  socket.on('say', (text) => io.to(room).emit('said', text));
});
web.listen({ port: Number(process.argv[2]), host: '127.0.0.1', backlog: 4096 });
