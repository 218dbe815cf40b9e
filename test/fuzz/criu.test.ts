import { fuzz } from '../fuzz.ts';
import * as image from './criu-image.ts';
import * as inspect from './inspect.ts';

fuzz('CRIU images', image.seeds, image.target);
fuzz('looking into images', inspect.seeds, inspect.target);
