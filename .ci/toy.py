"A training that takes seconds, for the notebooks of browser.py, which copies this file beside them"
import json
import threading
import time
from pathlib import Path

import numpy as np
import psutil
import torch
from PIL import Image
from skimage import data

from eva_dit.pictures import Readout, to_patches
from eva_dit.store import EmbeddingStore, add_small_file, write_manifest, write_shard
from eva_dit.train import TrainConfig, Trainer
from eva_dit.training import Callback
from eva_dit.training_pictures import Pictures

torch.set_num_threads(1)                            # in each thread of the kernel; the browser has a core of its own
photos = 'astronaut', 'chelsea', 'clock', 'retina', 'brick', 'coffee', 'rocket', 'camera'


def crops(name, n, seed=0):
    "Random squares of a photograph, (n, 64, 64, 3)"
    photo, rng = Image.fromarray(getattr(data, name)()).convert('RGB'), np.random.default_rng(seed)
    found = []
    for side in rng.integers(140, min(photo.size), n).tolist():
        x, y = (int(rng.integers(0, size - side + 1)) for size in photo.size)
        found.append(np.array(photo.resize((64, 64), Image.Resampling.BICUBIC, box=(x, y, x + side, y + side))))
    return torch.from_numpy(np.stack(found))


def towers(pictures):
    "Tokens of 8 x 8 patches by two random functions, one of which sees less than the other"
    pixels, g = to_patches(pictures, (8, 8)) - .5, torch.Generator().manual_seed(0)        # (n, 64, 192)
    eva = torch.tanh(2*pixels @ torch.randn(192, 64, generator=g)/192**.5)                 # (n, 64, 64)
    means = pixels.view(-1, 64, 64, 3).mean(2)                                             # (n, 64, 3)
    return eva, torch.tanh(4*means @ torch.randn(3, 24, generator=g))                      # and (n, 64, 24)


def toy_store(folder, each=40):
    "Tokens, thumbnails and a read-out of photographs; the last three are held out"
    if (Path(folder)/'manifest.json').exists(): return EmbeddingStore(folder)
    pictures = torch.cat([crops(name, each, k) for k, name in enumerate(photos)])
    eva, clip = towers(pictures)
    samples = [dict(key=f'{name}-{i:02}', caption=name, group=name, split='held_out' if k > 4 else 'train')
               for k, name in enumerate(photos) for i in range(each)]
    write_shard(folder, 0, eva, clip, samples)
    tower = dict(name='toy function', weights='none', random_weights=True, fingerprint='toy')
    write_manifest(folder, 1, cls=False, grid=(8, 8), encoders=dict(eva=tower, clip=tower))
    store, n = EmbeddingStore(folder), 5*each
    batches = [(eva[:n], pictures[:n], torch.arange(n) % 5 == 0)]
    readout = Readout.fit(batches, store.statistics(), (8, 8), store=store.identity(), tower='toy')
    add_small_file(folder, 'readout', *readout.parts())
    add_small_file(folder, 'thumbnails', {str(i): pictures[i].contiguous() for i in range(n, len(pictures))})
    return EmbeddingStore(folder)


def toy_trainer(name, **kwargs):
    "A small model that learns the toy store; goes on if the run is there"
    toy_store('store')
    usual = dict(model_size='nano', batch_size=8, max_steps=20_000, warmup_steps=20, eval_every=100,
                 eval_num_samples=16, log_every=2, resume=(Path(name)/'config.json').exists())
    return Trainer(TrainConfig('store', name, **{**usual, **kwargs}))


# What `python .ci/browser.py speed` measures, in the kernel

class Timed(Pictures):
    "Pictures that know how long drawing them takes"
    def __init__(self):
        super().__init__()
        self.seconds, self.begun = 0., time.perf_counter()

    def draw(self, trainer):
        start = time.perf_counter()
        super().draw(trainer)
        self.seconds += time.perf_counter() - start

    @property
    def share(self): return self.seconds/(time.perf_counter() - self.begun)


def time_pictures(trainer):
    "Let a trainer's pictures be timed, and return them"
    pictures = Timed()
    trainer.callbacks = [pictures if isinstance(c, Pictures) else c for c in trainer.callbacks]
    return pictures


def steps_a_second(trainer, seconds=1):
    "How fast a training in another thread is just now"
    first, start = trainer.step, time.perf_counter()
    time.sleep(seconds)
    return (trainer.step - first)/(time.perf_counter() - start)


def share_of_training(dashboard):
    "By what share drawing, here and in the browser, slows down the training; None if it was evaluated meanwhile"
    trainer, every = dashboard.trainer, dashboard.trainer.config.eval_every
    def still():
        with dashboard.lock: return steps_a_second(trainer)                  # a tick waits for this lock
    first = trainer.step
    before, drawn, after = still(), steps_a_second(trainer, 2), still()      # what drifts cancels out
    if trainer.step//every > first//every: return None
    return 1 - 2*drawn/(before + after)


def shares_of_training(dashboard, enough=25):
    "So many of these"
    found = []
    while len(found) < enough:
        share = share_of_training(dashboard)
        if share is not None: found.append(share)
    return found


class Clock(Callback):
    "When each step ended"
    def __init__(self): self.ends = []
    def stepped(self, trainer): self.ends.append((trainer.step, time.perf_counter()))


def redraws_of(dashboard, seconds):
    "(start, end) of each redraw in so many seconds"
    found, redraw = [], dashboard.redraw
    def timed(*args, **kwargs):
        start = time.perf_counter()
        redraw(*args, **kwargs)
        found.append((start, time.perf_counter()))
    dashboard.redraw = timed
    time.sleep(seconds)
    dashboard.redraw = redraw
    return found


def cost_of_redraws(dashboard, clock, seconds=100):
    "(seconds that each redraw added to the steps that it met, against the steps around them; redraws a second)"
    first = len(clock.ends)
    found = redraws_of(dashboard, seconds)
    numbers, ends = (np.array(x) for x in zip(*clock.ends[first:]))
    starts, ends, took, numbers = ends[:-1], ends[1:], np.diff(ends), numbers[1:]
    calm = np.ones(len(took), bool)                                          # no redraw, and no evaluation
    met = [(starts < b + .005) & (ends > a) for a, b in found]               # what is sent is on its way 5 ms more
    for touched in met: calm &= ~touched
    calm &= numbers % dashboard.trainer.config.eval_every > 1
    costs = []
    for touched in met:
        k = touched.nonzero()[0]
        near = [j for j in range(k[0] - 6, k[-1] + 7) if 0 <= j < len(took) and calm[j]] if len(k) else []
        evaluated = any(numbers[k] % dashboard.trainer.config.eval_every < 2)
        if near and not evaluated: costs.append(float(took[k].sum() - len(k)*np.mean(took[near])))
    return costs, len(found)/seconds


def processor_time(thread):
    "Processor time that a thread has used, in seconds"
    found = next(t for t in psutil.Process().threads() if t.id == thread.native_id)
    return found.user_time + found.system_time


def processor_share(thread, seconds=20):
    "Processor time of a thread as a share of the time that passes"
    used, start = processor_time(thread), time.perf_counter()
    time.sleep(seconds)
    return (processor_time(thread) - used)/(time.perf_counter() - start)


def measure(dashboard, pictures, path):
    "Write what drawing costs to a file, which is there when it is whole"
    clock = Clock()
    dashboard.trainer.callbacks = [*dashboard.trainer.callbacks, clock]
    found = dict(threads=torch.get_num_threads(), processor=processor_share(dashboard.thread),
                 redraws=cost_of_redraws(dashboard, clock),
                 training=shares_of_training(dashboard), pictures=pictures.share)
    part = Path(f'{path}.part')
    part.write_text(json.dumps(found))
    part.rename(path)


def measure_soon(dashboard, pictures, path):
    "Measure in a thread: the kernel has to answer the page meanwhile"
    threading.Thread(target=measure, args=(dashboard, pictures, path), daemon=True).start()
